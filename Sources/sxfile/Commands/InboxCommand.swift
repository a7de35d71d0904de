import ArgumentParser
import Engine
import TransferCore

/// `sxfile inbox`.
struct InboxCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "inbox", abstract: "Show offers and messages that wait.",
        discussion: "With an id, all of one offer, or a whole message, which is read then.")
    @Argument(help: "An offer or a message.", completion: .inbox) var id: Int64?
    @Flag(help: "Of a folder the whole list, fetched from its sender.") var full = false
    @Option(help: ArgumentHelp("With --full: wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(isOnlyLooking: !full)
        if full {
            guard let id else { throw CommandFailure.usage("--full wants the id of a folder") }
            return try await showWhole(id, profile, session)
        }
        if let id { return try show(id, profile, session.console) }
        try showInvitations(profile, session.console)
        let entries =
            try profile.transfers(.inbox).map { Entry.offer($0) } + profile.newMessages().map { Entry.message($0) }
        for entry in entries.sorted(by: { $0.id < $1.id }) {
            switch entry {
            case .offer(let transfer):
                session.console.result(Self.line(transfer))
                session.console.json("transfer", transfer.jsonMembers)
            case .message(let message):
                session.console.result("\(message.id)\t\(message.peer)\t\(message.kindText)\t\(message.briefText)")
                session.console.json("message", message.jsonMembers)
            }
        }
    }

    /// Groups that wait for the user to join: they have no id, but a name.
    private func showInvitations(_ profile: Profile, _ console: Console) throws {
        for group in try profile.groups() where group.isInvitation {
            let inviter = try group.inviter.flatMap { try profile.contact(id: $0)?.name }
            console.result(
                "-\t\(inviter ?? "somebody")\tgroup\t#\(group.name)\t`sxfile group join \(group.name)`")
            console.json(
                "group", group.jsonMembers(inviter: inviter, members: try profile.members(of: group.id).count + 1))
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
        var fields = ["\(transfer.id)", transfer.peer, transfer.kindText]
        fields.append(transfer.folder?.totals.shown ?? transfer.size.map(Quantity.size) ?? "size unknown")
        if !transfer.marks.isEmpty { fields.append(transfer.marks.joined(separator: ", ")) }
        fields.append(PlainText.brief(transfer.name))
        return fields.joined(separator: "\t")
    }

    private func show(_ id: Int64, _ profile: Profile, _ console: Console) throws {
        if let transfer = try profile.transfer(id: id), transfer.direction == .receive {
            return try show(transfer, profile, console)
        }
        guard let message = try profile.message(id: id), message.direction == .receive, message.isText else {
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
        if let folder = transfer.folder { console.result("contents\t\(folder.totals.shown)") }
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
        if transfer.folder != nil { try showEntries(transfer, profile, console) }
    }

    private func showWhole(_ id: Int64, _ profile: Profile, _ session: Session) async throws {
        if try !profile.hasWholeList(id) {
            try profile.requestList(id)
            let ending = try await session.host(profile).run(
                .wish(.transfer(id)), timeout: timeout?.duration,
                until: { profile in
                    guard let transfer = try profile.transfer(id: id) else { throw EngineError.noSuchTransfer(id) }
                    if let failure = transfer.endedFailure { throw failure }
                    return try profile.hasWholeList(id) ? true : nil
                })
            guard case .fulfilled = ending else {
                throw CommandFailure.queued("the list of transfer \(id) has not come yet: its sender is to be on line")
            }
        }
        try profile.forEachEntry(transfer: id) { entry in
            session.console.result(entry.listLine)
            session.console.json("entry", entry.jsonMembers)
        }
    }

    private func showEntries(_ transfer: Transfer, _ profile: Profile, _ console: Console) throws {
        for note in transfer.folder?.notes ?? [] { console.result("note\t\(PlainText.escaped(note))") }
        let entries = try profile.folderEntries(transfer: transfer.id)
        for entry in entries {
            console.result("entry\t\(entry.listLine)")
            console.json("entry", entry.jsonMembers)
        }
        let all = transfer.folder.map { $0.totals.files + $0.totals.directories + $0.totals.links } ?? 0
        let rest = all - min(all, UInt64(entries.count))
        if rest > 0 { console.note("and \(rest) more: `sxfile inbox \(transfer.id) --full` fetches the list") }
    }
}

extension Transfer {
    fileprivate var kindText: String {
        if folder != nil { return "folder" }
        return isInline ? "file (here)" : "file"
    }

    /// What a recipient should notice before accepting.
    fileprivate var marks: [String] {
        var marks: [String] = []
        if name.hasPrefix(".") { marks.append("hidden") }
        if let folder { return marks + folder.totals.marks }
        if let mode, mode & 0o111 != 0 { marks.append("executable") }
        return marks
    }
}
