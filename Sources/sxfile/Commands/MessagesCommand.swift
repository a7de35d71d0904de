import ArgumentParser
import Engine

/// `sxfile messages`.
struct MessagesCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages", abstract: "Show a conversation: texts, files, edits, deletions, gaps.",
        discussion: """
            Id, time, who, kind, text, separated by tabs; further lines of a text begin with four tabs. What is shown is \
            read then.
            """)
    @Argument(help: "The contact, or '#group'.", completion: .contacts) var contact: String
    @Option(help: ArgumentHelp("What came or changed in this last time (30m, 12h, 7d).", valueName: "duration"))
    var since: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(isOnlyLooking: true)
        var read: [Int64] = []
        for entry in try profile.conversation(with: contact, since: since?.duration) {
            switch entry {
            case .message(let message):
                for line in message.conversationLines { session.console.result(line) }
                session.console.json("message", message.jsonMembers)
                if message.state == .new { read.append(message.id) }
            case .transfer(let transfer):
                session.console.result(transfer.conversationLine)
                session.console.json("transfer", transfer.jsonMembers)
            }
        }
        if !read.isEmpty { try profile.markRead(read) }
    }
}

/// `sxfile edit`.
struct EditCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Change the text of a message of your own, here and at the other side.")
    @Argument(help: "The message.", completion: .ownMessages) var id: Int64
    @Argument(help: "The text that it has from now on; '-' reads it from standard input.") var text: String
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        try profile.requestEdit(id, text: try session.messageText(text))
        try await MessageSending(session: session, profile: profile, id: id).run(timeout: timeout?.duration)
    }
}

/// `sxfile delete`.
struct DeleteCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a message of your own, here and at the other side.",
        discussion: "The other side may have read it. A file is ended with `sxfile cancel`.")
    @Argument(help: "The message.", completion: .ownMessages) var id: Int64
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        try profile.requestDelete(id)
        try await MessageSending(session: session, profile: profile, id: id).run(timeout: timeout?.duration)
    }
}

/// Waits until a message, or a change of it, is with the relay.
struct MessageSending {
    let session: Session
    let profile: Profile
    let id: Int64

    func run(timeout: Duration?) async throws {
        let id = id
        let line = LiveLine(session.console, waiting: "taking the message to the relay")
        defer { line.end() }
        let ending = try await session.host(profile).run(
            .wish(.message(id)), timeout: timeout, until: { try $0.isWithRelay(message: id) ? true : nil })
        guard case .fulfilled = ending else { throw CommandFailure.queued("message \(id) is not with the relay yet") }
        if let message = try profile.message(id: id) { session.console.json("message", message.jsonMembers) }
    }
}

extension Session {
    /// The text that an argument gives, or for '-' standard input without its last line end.
    func messageText(_ argument: String) throws -> String {
        guard argument == "-" else { return argument }
        let text = try StandardInput.text(prompt: "The message, on one line:", console: console)
        return text.last?.isNewline == true ? String(text.dropLast()) : text
    }
}

extension TextMessage {
    /// What a list calls it.
    var kindText: String {
        switch kind {
        case .gap, .fork, .conflict: return kind.rawValue
        case .eval where deletedAt == nil: return "eval (not run)"
        case .eval, .text: break
        }
        if deletedAt != nil { return "message (deleted)" }
        let isWaiting = direction == .send && !isWithRelay
        let marks = [isWaiting ? "waits" : nil, editedAt == nil ? nil : "edited"].compactMap { $0 }
        return marks.isEmpty ? "message" : "message (\(marks.joined(separator: ", ")))"
    }

    /// Its text on one line, cut where it is over-long.
    var briefText: String { remark ?? PlainText.brief(text) }

    /// What is to be said where no message is.
    private var remark: String? {
        switch kind {
        case .text, .eval: nil
        case .gap where group != nil: "1 message from \(who) is missing"
        case .gap where missing == 1: "a message may be missing here"
        case .gap: "up to \(missing) messages may be missing here"
        case .fork: "\(who) had not seen all of this when writing what follows"
        case .conflict: "members were sent different words as one message from \(who)"
        }
    }

    private var who: String { direction == .send ? "you" : member ?? (group == nil ? peer : "somebody") }

    /// All of it; no line of it can pass for another entry.
    fileprivate var conversationLines: [String] {
        let head = [
            "\(id)", Quantity.timestamp(createdAt), who, kindText,
        ].joined(separator: "\t")
        if let remark { return [head + "\t" + remark] }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { PlainText.escaped(String($0)) }
        return [head + "\t" + (lines.first ?? "")] + lines.dropFirst().map { "\t\t\t\t" + $0 }
    }
}

extension Transfer {
    /// A file in a conversation; the name last, so that no name can pass for another field.
    fileprivate var conversationLine: String {
        let extent = folder?.totals.shown ?? size.map(Quantity.size) ?? "size unknown"
        return [
            "\(id)", Quantity.timestamp(createdAt), direction == .send ? "you" : member ?? peer,
            "\(folder == nil ? "file" : "folder") (\(isWaitingInInbox ? "here" : state.rawValue))",
            isToGroup ? extent + ", " + membersText : extent, PlainText.brief(name),
        ].joined(separator: "\t")
    }
}
