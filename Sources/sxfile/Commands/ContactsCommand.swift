import ArgumentParser
import Engine

/// `sxfile contacts`.
struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts", abstract: "List and care for contacts.",
        subcommands: [List.self, Set.self, Rename.self, Remove.self, Verify.self], defaultSubcommand: List.self)

    /// `contacts list`.
    struct List: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "List the contacts.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            for contact in try session.openProfile(isOnlyLooking: true).contacts() {
                var fields = [contact.name, contact.state.rawValue]
                if contact.isVerified { fields.append("verified") }
                if let policy = contact.policy.text { fields.append(PlainText.escaped(policy)) }
                if let reason = contact.reason { fields.append(PlainText.brief(reason)) }
                session.console.result(fields.joined(separator: "\t"))
                session.console.json("contact", contact.jsonMembers)
            }
        }
    }

    /// `contacts set`.
    struct Set: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which offers of a contact are accepted without asking.",
            discussion: """
                accept=always takes what the contact offers, in any run of sxfile; accept=ask leaves it in the inbox. max=10G \
                leaves larger files there, dir=PATH names the directory. An empty value unsets max and dir. Files that come \
                this way are never executable.
                """)
        @Argument(help: "The contact.", completion: .contacts) var name: String
        @Argument(help: "accept=always|ask, max=SIZE, dir=PATH.", completion: .list(["accept=always", "accept=ask"]))
        var changes: [PolicyChange]
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let contact: Contact
            do {
                contact = try profile.setPolicy(name) { policy in
                    for change in changes { change.apply(to: &policy) }
                }
            } catch EngineError.destination(let what) {
                throw CommandFailure(
                    .destination, what, hint: "make the directory first, or name another with dir=PATH")
            }
            await session.host(profile).wakeRunningEngine()
            session.console.json("contact", contact.jsonMembers)
        }
    }

    /// `contacts rename`.
    struct Rename: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "Give a contact another local name.")
        @Argument(help: "The name now.", completion: .contacts) var old: String
        @Argument(help: "The name from now on.") var new: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile(isOnlyLooking: true)
            try profile.rename(contact: old, to: new)
            session.console.result(new)
            session.console.json("contact", try profile.contact(named: new).jsonMembers)
        }
    }

    /// `contacts remove`.
    struct Remove: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a contact.", discussion: "Unfinished transfers with it end; files that arrived stay.")
        @Argument(help: "The contact.", completion: .contacts) var name: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            var contact = try profile.contact(named: name)
            try profile.removeContact(name)
            await session.host(profile).wakeRunningEngine()
            contact.state = .removed
            session.console.result(name)
            session.console.json("contact", contact.jsonMembers)
        }
    }

    /// `contacts verify`.
    struct Verify: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the security code of a contact.",
            discussion: """
                Both sides see the same code if nobody stands between them. Compare it by telephone or in person. On a terminal \
                you are asked whether the codes are the same; --code with what the other side reads out compares without \
                asking, and ends with 5 if they differ. Then the contact is marked as verified.
                """)
        @Argument(help: "The contact.", completion: .contacts) var name: String
        @Option(help: ArgumentHelp("The code that the other side sees.", valueName: "code")) var code: String?
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile(isOnlyLooking: true)
            guard let own = try profile.securityCode(contact: name) else {
                throw CommandFailure(.failed, "'\(name)' is not connected yet: there is no code to compare")
            }
            if let code {
                try take(Self.plain(code) == Self.plain(own), profile)
            } else if StandardInput.isTerminal, session.console.isTerminal, !session.console.style.isJSON {
                session.console.result(own)
                let answer = try StandardInput.answer(
                    "Does '\(name)' see the same code? [yes/no/later]", session.console)
                guard let answer else { return session.console.note("nothing is marked") }
                try take(answer, profile)
                return session.console.note("'\(name)' is verified")
            }
            session.console.result(own)
            session.console.json(
                "contact", try profile.contact(named: name).jsonMembers + [("securityCode", .string(own))])
        }

        /// Records what came of the comparison.
        private func take(_ isSame: Bool, _ profile: Profile) throws {
            try profile.setVerified(name, isSame)
            guard isSame else {
                throw CommandFailure(
                    .integrity, "the codes differ: somebody may stand between you and '\(name)'",
                    hint: "check for a slip; else remove the contact and make a new one by a safer way")
            }
        }

        private static func plain(_ code: String) -> String {
            String(code.lowercased().filter { !$0.isWhitespace && $0 != "-" })
        }
    }
}

/// One word of `contacts set`.
struct PolicyChange: ExpressibleByArgument, Sendable {
    private enum Change {
        case accept(Bool)
        case limit(UInt64?)
        case directory(String?)
    }
    private let change: Change

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "=") else { return nil }
        let value = String(argument[argument.index(after: sign)...])
        switch (argument[..<sign], value) {
        case ("accept", "always"): change = .accept(true)
        case ("accept", "ask"): change = .accept(false)
        case ("max", ""): change = .limit(nil)
        case ("max", _):
            guard let size = ByteCount(value) else { return nil }
            change = .limit(size.bytes)
        case ("dir", _): change = .directory(value.isEmpty ? nil : ProfileDirectory.absolute(value))
        default: return nil
        }
    }

    func apply(to policy: inout AcceptPolicy) {
        switch change {
        case .accept(let isAlways): policy.isAlways = isAlways
        case .limit(let bytes): policy.limit = bytes
        case .directory(let path): policy.directory = path
        }
    }
}

extension AcceptPolicy {
    /// What is accepted without asking, in words; nil if nothing is.
    fileprivate var text: String? {
        guard isAlways else { return nil }
        let most = limit.map { " up to \(Quantity.size($0))" } ?? ""
        return "accepts by itself\(most)" + (directory.map { " into \($0)" } ?? "")
    }
}
