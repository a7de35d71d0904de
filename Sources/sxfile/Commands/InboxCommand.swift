import ArgumentParser
import Engine

/// `sxfile inbox`.
struct InboxCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "inbox", abstract: "Show offers and messages that wait.",
        discussion: "With an id, all of one offer, or a whole message, which is read then.")
    @Argument(help: "An offer or a message.", completion: .offers) var id: Int64?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        if let id { return try show(id, profile, session.console) }
        let entries =
            try profile.transfers(.inbox).map { Entry.offer($0) } + profile.newMessages().map { Entry.message($0) }
        for entry in entries.sorted(by: { $0.id < $1.id }) {
            switch entry {
            case .offer(let transfer):
                session.console.result(Self.line(transfer))
                session.console.json("transfer", transfer.jsonMembers)
            case .message(let message):
                session.console.result("\(message.id)\t\(message.peer)\tmessage\t\(PlainText.brief(message.text))")
                session.console.json("message", message.jsonMembers)
            }
        }
    }

    private enum Entry {
        case offer(Transfer)
        case message(TextMessage)

        var id: Int64 {
            switch self {
            case .offer(let transfer): transfer.id
            case .message(let message): message.id
            }
        }
    }

    /// Id, contact, kind, size, marks, name; the name last, so that no name can pass for another field.
    private static func line(_ transfer: Transfer) -> String {
        var fields = ["\(transfer.id)", transfer.peer, transfer.isInline ? "file (here)" : "file"]
        fields.append(transfer.size.map(Quantity.size) ?? "size unknown")
        if !transfer.marks.isEmpty { fields.append(transfer.marks.joined(separator: ", ")) }
        fields.append(PlainText.brief(transfer.name))
        return fields.joined(separator: "\t")
    }

    private func show(_ id: Int64, _ profile: Profile, _ console: Console) throws {
        if let transfer = try profile.transfer(id: id), transfer.direction == .receive {
            return try show(transfer, profile, console)
        }
        guard let message = try profile.message(id: id), message.direction == .receive else {
            throw CommandFailure(
                .notFound, "the inbox has nothing with the id \(id)", hint: "`sxfile inbox` lists what it has")
        }
        for line in message.text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            console.result(PlainText.escaped(String(line)))
        }
        console.json("message", message.jsonMembers)
        try profile.markRead([id])
    }

    private func show(_ transfer: Transfer, _ profile: Profile, _ console: Console) throws {
        console.json("transfer", transfer.jsonMembers)
        console.result("id\t\(transfer.id)")
        console.result("from\t\(transfer.peer)")
        console.result("state\t\(transfer.state.rawValue)")
        console.result("size\t" + (transfer.size.map { "\($0) bytes (\(Quantity.size($0)))" } ?? "unknown"))
        if let mode = transfer.mode { console.result("mode\t0\(String(mode, radix: 8))") }
        if let time = transfer.modifiedAt { console.result("modified\t\(Quantity.timestamp(time))") }
        if let time = transfer.expiresAt { console.result("expires\t\(Quantity.timestamp(time))") }
        if let old = transfer.retryOf { console.result("again\tof transfer \(old)") }
        if !transfer.marks.isEmpty { console.result("note\t\(transfer.marks.joined(separator: ", "))") }
        if let preview = try profile.preview(transfer: transfer.id) {
            console.result("preview\t\(PlainText.escaped(preview.type)), \(preview.bytes.count) bytes")
        }
        if let id = transfer.message, let text = try profile.message(id: id)?.text {
            console.result("message\t\(PlainText.escaped(text))")
        }
        if let path = transfer.path { console.result("path\t\(PlainText.escaped(path))") }
        console.result("name\t\(PlainText.brief(transfer.name))")
    }
}

extension Transfer {
    /// What a recipient should notice before accepting.
    fileprivate var marks: [String] {
        var marks: [String] = []
        if name.hasPrefix(".") { marks.append("hidden") }
        if let mode, mode & 0o111 != 0 { marks.append("executable") }
        return marks
    }
}
