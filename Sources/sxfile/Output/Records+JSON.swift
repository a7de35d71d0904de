import Engine
import Glibc
import TransferCore

extension Transfer {
    /// The members of a `transfer` (or `progress`) object.
    var jsonMembers: [(String, JSONText)] {
        [
            ("id", .number(id)), ("direction", .string(direction.rawValue)), ("peer", .string(member ?? peer)),
            ("group", .optional(group)),
            ("name", .string(name)), ("size", .bytes(size)), ("transferred", .bytes(transferred)),
            ("files", .bytes(folder?.totals.files ?? 1)),
            ("filesDone", .bytes(filesDone)),
            ("state", .string(state.rawValue)),
            ("waiting", .optional(waiting?.rawValue)), ("lane", .optional(lane)), ("path", .optional(path)),
            ("bytesPerSecond", .bytes(bytesPerSecond)), ("reason", .optional(reason)),
            ("by", .optional(endedBy?.rawValue)),
            ("members", isToGroup ? .array(members.map { .object($0.partMembers) }) : .null),
            ("sha256", .optional(sha256)),
            (
                "retryAt",
                .optional(waiting == .relayDown || waiting == .relayBusy ? retryAt.map(Quantity.timestamp) : nil)
            ),
            ("retryOf", retryOf.map { .number($0) } ?? .null),
            ("expiresAt", .optional(expiresAt.map(Quantity.timestamp))),
            ("createdAt", .string(Quantity.timestamp(createdAt))),
            ("updatedAt", .string(Quantity.timestamp(updatedAt))),
        ]
    }

    /// What the object of a transfer to a group says of one member.
    private var partMembers: [(String, JSONText)] {
        [
            ("name", .string(member ?? peer)), ("state", .string(state.rawValue)), ("transferred", .bytes(transferred)),
            ("waiting", .optional(waiting?.rawValue)), ("lane", .optional(lane)), ("reason", .optional(reason)),
            ("by", .optional(endedBy?.rawValue)),
        ]
    }

    private var filesDone: UInt64 {
        guard let folder else { return state == .complete ? 1 : 0 }
        return state == .complete ? folder.totals.files - min(folder.missing, folder.totals.files) : folder.filesDone
    }

    /// The transfer with what an event says newer of it.
    func updated(by event: ProgressEvent) -> Transfer {
        var transfer = self
        if event.transfer != id {
            transfer.fold(members.map { $0.id == event.transfer ? $0.updated(by: event) : $0 })
            return transfer
        }
        transfer.state = event.state
        transfer.transferred = event.transferred
        transfer.size = event.size ?? size
        transfer.bytesPerSecond = event.bytesPerSecond
        transfer.lane = event.lane ?? lane
        transfer.waiting = event.waiting
        return transfer
    }

    /// What it waits for, in words; nil if for nothing.
    var waitingText: String? { waitingText(now: Int64(time(nil))) }

    /// What it waits for at `now`, in Unix seconds.
    func waitingText(now: Int64) -> String? {
        switch waiting {
        case nil: nil
        case .peer: waitingForPeer
        case .paused: "paused by you: `sxfile resume \(id)` lets it go on"
        case .relayFull: "relay is full, \(Quantity.percent(transferred, of: size ?? 0)) % waits for \(peer)"
        case .relayDown: relayText("relay unreachable", now: now)
        case .relayBusy: relayText("relay takes no new queues", now: now)
        case .space: "waiting for space"
        }
    }
}

extension Transfer {
    private static func listed(_ names: [String]) -> String {
        guard names.count > 3 else { return names.joined(separator: ", ") }
        return names.prefix(2).joined(separator: ", ") + " and \(names.count - 2) more"
    }

    private func relayText(_ what: String, now: Int64) -> String {
        guard let retryAt else { return what }
        return retryAt > now ? "\(what), next try in \(retryAt - now) s" : "\(what), trying now"
    }

    /// How many members of a group have it, and how many will not.
    var membersText: String {
        let over = [TransferState.declined, .cancelled, .failed].compactMap { state in
            let count = members.count { $0.state == state }
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        let done = members.count { $0.state == .complete }
        return (["\(done) of \(members.count) have it"] + over).joined(separator: ", ")
    }

    private var waitingForPeer: String? {
        if isToGroup {
            return "waiting for " + Self.listed(members.filter { !$0.isFinished }.map { $0.member ?? $0.peer })
        }
        return switch (direction, state) {
        case (.receive, .offered): nil
        case (.send, .offered): "waiting for \(peer) to accept"
        case (.receive, _) where isAsking: "waiting for \(peer) to offer it again"
        default: "waiting for \(peer) to come on line"
        }
    }
}

extension TextMessage {
    /// The members of a `message` object.
    var jsonMembers: [(String, JSONText)] {
        [
            ("id", .number(id)), ("direction", .string(direction.rawValue)), ("peer", .string(member ?? peer)),
            ("group", .optional(group)),
            ("kind", .string(kind.rawValue)), ("text", .string(text)), ("state", .string(stateText)),
            ("missing", kind == .gap ? .number(missing) : .null),
            ("editedAt", .optional(editedAt.map(Quantity.timestamp))),
            ("deletedAt", .optional(deletedAt.map(Quantity.timestamp))),
            ("createdAt", .string(Quantity.timestamp(createdAt))),
        ]
    }

    /// One's own is `sent` once the relay has it as it is now.
    private var stateText: String {
        direction == .send ? (isWithRelay ? "sent" : State.queued.rawValue) : state.rawValue
    }
}

extension Contact {
    /// The members of a `contact` object.
    var jsonMembers: [(String, JSONText)] {
        [
            ("name", .string(name)), ("state", .string(state.rawValue)), ("verified", .bool(isVerified)),
            ("reason", .optional(reason)), ("accept", .string(policy.isAlways ? "always" : "ask")),
            ("max", .bytes(policy.limit)), ("dir", .optional(policy.directory)),
        ]
    }
}
