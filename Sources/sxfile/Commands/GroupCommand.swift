import ArgumentParser
import Engine

import enum ChatProtocol.MemberRole
import enum GroupCore.IntroductionStatus
import enum GroupCore.MemberStatus

/// `sxfile group`.
struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Make groups of contacts, invite to them, join, leave.",
        discussion: """
            A group is named with or without #; a shell needs quotes around '#team'. Every two members get connections of \
            their own, which the member who invited one of them arranges: no server knows who is in a group.
            """,
        subcommands: [
            Create.self, List.self, Invite.self, Join.self, Members.self, Remove.self, Leave.self, Delete.self,
        ], defaultSubcommand: List.self)

    /// `group create`.
    struct Create: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a group.", discussion: "You are its owner. Its members see this name.")
        @Argument(help: "The name.") var name: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            try show(profile.createGroup(name), profile, session)
        }
    }

    /// `group list`.
    struct List: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "List the groups, and invitations to groups.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile(isOnlyLooking: true)
            for group in try profile.groups() {
                let inviter = try group.inviter.flatMap { try profile.contact(id: $0)?.name }
                let members = try profile.members(of: group.id)
                var fields = [
                    "#\(group.name)", group.role.rawValue, group.departure?.rawValue ?? group.status.rawValue,
                ]
                fields.append(
                    group.isInvitation
                        ? "by \(inviter ?? "a contact who is gone"): `sxfile group join \(group.name)`"
                        : "\(members.count + 1) \(members.isEmpty ? "member" : "members")")
                if let problem = group.problem, session.console.style.isVerbose { fields.append("refused: \(problem)") }
                session.console.result(fields.joined(separator: "\t"))
                session.console.json("group", group.jsonMembers(inviter: inviter, members: members.count + 1))
            }
        }
    }

    /// `group invite`.
    struct Invite: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Invite a contact to a group.",
            discussion: """
                Done when the invitation is with the relay. A member reads and writes; an admin invites and removes members \
                too; an owner deletes the group too. Nobody gives a higher role than the own one.
                """)
        @Argument(help: "The group.", completion: .groups) var name: String
        @Argument(help: "The contact.", completion: .contacts) var contact: String
        @Option(help: "member, admin or owner.") private var role = RoleArgument.member
        @Flag(help: "Leave once it is recorded.") var noWait = false
        @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
        var timeout: DurationArgument?
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let member = try profile.inviteToGroup(name, contact: contact, role: role.role)
            if noWait {
                await session.host(profile).wakeRunningEngine()
            } else {
                let line = LiveLine(session.console, waiting: "inviting \(member.name)")
                defer { line.end() }
                let ending = try await session.host(profile).run(
                    .wish(.group(member.group)), timeout: timeout?.duration,
                    until: { try $0.isInvitationWithRelay(member) ? true : nil })
                guard case .fulfilled = ending else {
                    throw CommandFailure.queued("the invitation of \(member.name) is not with the relay yet")
                }
            }
            session.console.result(member.name)
            session.console.json("member", member.jsonMembers(introductions: []))
        }
    }

    /// `group join`.
    struct Join: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept an invitation to a group.",
            discussion: """
                Waits until the member who invited you has let you in. The connections with the other members are made by \
                whatever runs of sxfile follow; `group members` shows how far they are.
                """)
        @Argument(help: "The group.", completion: .groups) var name: String
        @Flag(help: "Leave when the answer is with the relay.") var noWait = false
        @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
        var timeout: DurationArgument?
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let group = try profile.joinGroup(name)
            let noWait = noWait
            let line = LiveLine(session.console, waiting: "waiting for the member who invited you to come on line")
            defer { line.end() }
            let ending = try await session.host(profile).run(
                .wish(.group(group.id)), timeout: timeout?.duration,
                until: { try $0.joinedGroup(group.id, isAnswerEnough: noWait) })
            guard case .fulfilled(let joined) = ending else {
                throw CommandFailure.queued("nobody has let you into '#\(group.name)' yet")
            }
            line.end()
            try show(joined, profile, session)
        }
    }

    /// `group members`.
    struct Members: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the members of a group, and how far each is.",
            discussion: """
                The first line is you. Each has its name, role, how you two came together, and status; then the id that all of \
                the group know it by. With -v the introductions that you make, and what was refused last.
                """)
        @Argument(help: "The group.", completion: .groups) var name: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile(isOnlyLooking: true)
            let group = try profile.group(named: name)
            let members = try profile.members(of: group.id)
            let introductions = try profile.introductions(group: group.id)
            let status = group.departure?.rawValue ?? group.status.rawValue
            session.console.result(["me", group.role.rawValue, "me", status, group.me.text].joined(separator: "\t"))
            session.console.json(
                "member",
                [
                    ("name", .string("me")), ("id", .string(group.me.text)), ("role", .string(group.role.rawValue)),
                    ("category", .string("me")), ("status", .string(status)), ("connected", .bool(group.isJoined)),
                    ("confirmed", .bool(group.status == .confirmed)), ("displayName", .string(profile.displayName)),
                    ("introductions", .array([])),
                ])
            for member in members {
                let made = introductions.filter { $0.invitee == member.id }
                session.console.result(member.line)
                if session.console.style.isVerbose {
                    for introduction in made {
                        session.console.result(
                            "\(member.name)\tintroduced to \(introduction.to)\t\(introduction.status.rawValue)")
                    }
                }
                session.console.json("member", member.jsonMembers(introductions: made))
            }
            if let problem = group.problem { session.console.detail("refused last: \(problem)") }
        }
    }

    /// `group remove`.
    struct Remove: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a member from a group.",
            discussion: "Done once recorded: whoever cannot be told now is told by a later run.")
        @Argument(help: "The group.", completion: .groups) var name: String
        @Argument(help: "The member.") var member: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let member = try profile.removeMember(member, from: name)
            try await tell(member.group, profile, session)
            session.console.result(member.name)
            session.console.json("member", member.jsonMembers(introductions: []))
        }
    }

    /// `group leave`.
    struct Leave: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Leave a group, or decline an invitation to one.",
            discussion: """
                Done once recorded: whoever cannot be told now is told by a later run. A group that you are out of already is \
                cleared away.
                """)
        @Argument(help: "The group.", completion: .groups) var name: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let group = try profile.leaveGroup(name)
            try await tell(group.id, profile, session)
            try show(group, profile, session)
        }
    }

    /// `group delete`.
    struct Delete: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a group for everybody.",
            discussion: "Done once recorded: whoever cannot be told now is told by a later run. Only owners may.")
        @Argument(help: "The group.", completion: .groups) var name: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            let group = try profile.deleteGroup(name)
            try await tell(group.id, profile, session)
            try show(group, profile, session)
        }
    }
}

/// A role as it is typed.
private enum RoleArgument: String, ExpressibleByArgument, CaseIterable {
    case member, admin, owner

    var role: MemberRole {
        switch self {
        case .member: .member
        case .admin: .admin
        case .owner: .owner
        }
    }
}

private func show(_ group: Group, _ profile: Profile, _ session: Session) throws {
    session.console.result("#\(group.name)")
    let inviter = try group.inviter.flatMap { try profile.contact(id: $0)?.name }
    session.console.json(
        "group", group.jsonMembers(inviter: inviter, members: try profile.members(of: group.id).count + 1))
}

/// Tells the members: a moment is given to it, the wish stays in any case.
private func tell(_ group: Int64, _ profile: Profile, _ session: Session) async throws {
    let line = LiveLine(session.console, waiting: "telling the members")
    defer { line.end() }
    do {
        _ = try await session.host(profile).run(
            .wish(.group(group)), timeout: .seconds(5), until: { try $0.isWithRelay(group: group) ? true : nil })
    } catch let error as EngineError {
        session.console.detail("recorded; the members are told later: \(error)")
    }
}

extension Profile {
    /// The group once I am let in, or my answer is with the relay if that is enough; nil before.
    /// - Throws: why that cannot be any more.
    fileprivate func joinedGroup(_ id: Int64, isAnswerEnough: Bool) throws -> Group? {
        guard let group = try group(id: id) else { throw EngineError.noSuchGroup("\(id)") }
        if let departure = group.departure {
            throw CommandFailure(.cancelled, "you are out of '#\(group.name)': \(departure.rawValue)")
        }
        if group.isJoined { return group }
        if let why = try joinFailure(group: id) {
            throw CommandFailure(
                .failed, "'#\(group.name)' cannot be joined: \(why)",
                hint: "`sxfile group leave \(group.name)` clears it away; ask to be invited again")
        }
        return try isAnswerEnough && isAnswerWithRelay(group: id) ? group : nil
    }
}

extension Group {
    /// The members of a `group` object.
    func jsonMembers(inviter: String?, members: Int) -> [(String, JSONText)] {
        [
            ("name", .string("#\(name)")), ("role", .string(role.rawValue)), ("status", .string(status.rawValue)),
            ("departure", .optional(departure?.rawValue)), ("inviter", .optional(inviter)),
            ("members", .number(Int64(members))), ("refused", .optional(problem)),
            ("createdAt", .string(Quantity.timestamp(createdAt))),
        ]
    }
}

extension GroupMember {
    /// Name, role, category, status, id; what the member calls itself last, where that is another name.
    fileprivate var line: String {
        var fields = [name, role.rawValue, category.rawValue, status.rawValue, member.text]
        if !isActive, status != .invited { fields.append("no connection") }
        if profile.displayName != name { fields.append("calls itself \(PlainText.brief(profile.displayName))") }
        return fields.joined(separator: "\t")
    }

    fileprivate func jsonMembers(introductions: [MemberIntroduction]) -> [(String, JSONText)] {
        [
            ("name", .string(name)), ("id", .string(member.text)), ("role", .string(role.rawValue)),
            ("category", .string(category.rawValue)), ("status", .string(departure?.rawValue ?? status.rawValue)),
            ("connected", .bool(isActive)), ("confirmed", .bool(isConfirmed)),
            ("displayName", .string(profile.displayName)),
            (
                "introductions",
                .array(
                    introductions.map {
                        .object([("to", .string($0.to)), ("status", .string($0.status.rawValue))])
                    })
            ),
        ]
    }
}
