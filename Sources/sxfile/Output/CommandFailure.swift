import AgentLink
import Database
import Engine
import SMPRelay

/// Exit codes, as the manual page lists them.
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case usage = 2
    case notFound = 3
    case cancelled = 4
    case integrity = 5
    case relay = 69
    case destination = 73
    case queued = 75
    case permission = 77

    init(_ kind: FailureKind) {
        switch kind {
        case .usage: self = .usage
        case .notFound: self = .notFound
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        case .integrity: self = .integrity
        case .relay: self = .relay
        case .destination: self = .destination
        case .permission: self = .permission
        }
    }

    /// The word in `--json` errors.
    var code: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .usage: "usage"
        case .notFound: "not-found"
        case .cancelled: "cancelled"
        case .integrity: "integrity"
        case .relay: "relay"
        case .destination: "destination"
        case .queued: "queued"
        case .permission: "permission"
        }
    }

    /// Which of several outcomes is told: the first of these that happened.
    static let bySeverity: [ExitStatus] = [.integrity, .destination, .failed, .cancelled, .queued]

    /// The one of several outcomes that a command exits with.
    static func worst(of outcomes: [ExitStatus]) -> ExitStatus {
        bySeverity.first { outcomes.contains($0) } ?? outcomes.first { $0 != .done } ?? .done
    }
}

/// Why a command ends without having done what it was asked: status, a sentence, and what can be done about it.
struct CommandFailure: Error {
    var status: ExitStatus
    var code: String
    var message: String
    var hint: String?

    init(_ status: ExitStatus, _ message: String, code: String? = nil, hint: String? = nil) {
        self.status = status
        self.code = code ?? status.code
        self.message = message
        self.hint = hint
    }

    /// Something that a later version will do.
    static func notYet(_ what: String) -> CommandFailure {
        CommandFailure(.usage, "\(what): not yet in this version", code: "not-yet")
    }

    static func usage(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(.usage, message, hint: hint)
    }

    /// What was asked for is recorded, and goes on with the next run.
    static func queued(_ message: String) -> CommandFailure {
        CommandFailure(.queued, message, hint: "nothing is lost: `sxfile resume` goes on with it")
    }

    /// The failure that `error` is.
    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as EngineError: self.init(engine: error)
        case let error as DatabaseError: self.init(engine: .database(error))
        case let error as RelayError: self.init(relay: error)
        default: self.init(.failed, "\(error)")
        }
    }

    private init(relay error: RelayError) {
        self.init(.failed, error.description)
        switch error {
        case .inUse: hint = "give each relay a directory of its own with --data"
        case .cannotListen: hint = "choose another place with --listen HOST:PORT; port 0 takes a free one"
        case .directory, .spool, .database, .databaseNewer, .certificate, .password: break
        }
    }

    private init(engine error: EngineError) {
        self.init(ExitStatus(error.kind), error.description)
        switch error {
        case .noSuchContact: hint = "`sxfile contacts` lists them; `sxfile invite` makes one"
        case .nobodyInGroup: hint = "`sxfile group members` shows how far they are; `sxfile resume` goes on connecting"
        case .noSuchGroup: hint = "`sxfile group list` lists them; `sxfile group create` makes one"
        case .noSuchMember(_, let group): hint = "`sxfile group members \(group)` lists them"
        case .groupNameTaken: hint = "choose another name"
        case .noSuchFile: hint = "a path counts from the current directory; a text is sent with -m"
        case .noSuchTransfer: hint = "`sxfile status --all` and `sxfile inbox` list them"
        case .noSuchMessage: hint = "`sxfile messages CONTACT` shows the ids"
        case .badLink: hint = "copy the whole link, on one line, from what `sxfile invite` printed"
        case .noRelay: hint = "run one yourself with `sxfile relay`"
        case .wrongState: hint = "`sxfile status --all` shows what became of it"
        case .nameTaken: hint = "choose another name with --as, or rename the other: `sxfile contacts rename`"
        case .link(.linkUsed): hint = "links work once: ask for a new one, made with `sxfile invite`"
        case .link(.relayIdentity):
            hint = "somebody else answers at this address, or the relay lost its keys: ask its operator for its address"
        case .relay(.relay, _), .link(.relayUnreachable), .link(.relayIncompatible):
            hint = "what was asked for is kept, `sxfile resume` tries again; `sxfile doctor` looks at each relay"
        case .otherRoute:
            hint = "stop it, or have every sxfile of this profile use the proxy: `sxfile config set proxy`"
        case .destination: hint = "choose another place with -o"
        case .notRegular: hint = "only files and folders can be sent"
        case .tooLargeInline: hint = nil
        default: hint = nil
        }
    }
}

/// Says what is wrong, on standard error for people and as an object for `--json`.
extension Console {
    func report(_ failure: CommandFailure) {
        json(
            "error",
            [
                ("exit", .number(Int64(failure.status.rawValue))), ("code", .string(failure.code)),
                ("message", .string(failure.message)),
            ])
        complain(failure.status == .queued ? "queued" : "error", failure.message)
        if let hint = failure.hint { complain("hint", hint, color: 36) }
    }

    /// Ends a command with the worst of several failures, after saying the others; does nothing if there are none.
    func raise(_ failures: [CommandFailure]) throws {
        let worst = ExitStatus.worst(of: failures.map(\.status))
        guard let told = failures.first(where: { $0.status == worst }) else { return }
        for failure in failures where failure.message != told.message { report(failure) }
        throw told
    }
}
