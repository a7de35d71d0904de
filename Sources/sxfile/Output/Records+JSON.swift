import Engine
import TransferCore

extension Transfer {
    /// The members of a `transfer` (or `progress`) object.
    var jsonMembers: [(String, JSONText)] {
        [
            ("id", .number(id)), ("direction", .string(direction.rawValue)), ("peer", .string(peer)), ("group", .null),
            ("name", .string(name)), ("size", .bytes(size)), ("transferred", .bytes(transferred)),
            ("files", .bytes(folder?.totals.files ?? 1)),
            ("filesDone", .bytes(filesDone)),
            ("state", .string(state.rawValue)),
            ("waiting", .optional(waiting?.rawValue)), ("lane", .optional(lane)), ("path", .optional(path)),
            ("bytesPerSecond", .bytes(bytesPerSecond)), ("reason", .optional(reason)),
            ("by", .optional(endedBy?.rawValue)), ("members", .null),
            ("createdAt", .string(Quantity.timestamp(createdAt))),
            ("updatedAt", .string(Quantity.timestamp(updatedAt))),
        ]
    }

    private var filesDone: UInt64 {
        guard let folder else { return state == .complete ? 1 : 0 }
        return state == .complete ? folder.totals.files - min(folder.missing, folder.totals.files) : folder.filesDone
    }

    /// The transfer with what an event says newer of it.
    func updated(by event: ProgressEvent) -> Transfer {
        var transfer = self
        transfer.state = event.state
        transfer.transferred = event.transferred
        transfer.size = event.size ?? size
        transfer.bytesPerSecond = event.bytesPerSecond
        transfer.lane = event.lane ?? lane
        transfer.waiting = event.waiting
        return transfer
    }

    /// What it waits for, in words; nil if for nothing.
    var waitingText: String? {
        switch waiting {
        case nil: nil
        case .peer: direction == .receive && state == .offered ? nil : "waiting for \(peer)"
        case .relayFull: "relay is full, \(Quantity.percent(transferred, of: size ?? 0)) % waits for \(peer)"
        case .relayDown: "waiting for the relay"
        case .space: "waiting for space"
        }
    }
}

extension TextMessage {
    /// The members of a `message` object.
    var jsonMembers: [(String, JSONText)] {
        [("id", .number(id)), ("peer", .string(peer)), ("text", .string(text))]
    }
}

extension Contact {
    /// The members of a `contact` object.
    var jsonMembers: [(String, JSONText)] {
        [("name", .string(name)), ("state", .string(state.rawValue)), ("verified", .bool(isVerified))]
            + (reason.map { [("reason", .string($0))] } ?? [])
    }
}
