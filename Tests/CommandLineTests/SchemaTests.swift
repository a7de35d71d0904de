import Foundation
import Glibc
import Testing

/// Every command with `--json`: what it prints is what the manual page documents, member by member.
@Suite(.serialized)
struct SchemaTests {
    /// What a member may be.
    enum Kind: Sendable {
        case text, optionalText
        case number, optionalNumber
        case truth
        case null
        case list
        case word(Set<String>)
        case optionalWord(Set<String>)
        /// Null, or an object for each member of a group.
        case members

        func fits(_ value: Any) -> Bool {
            switch self {
            case .text: value is String
            case .optionalText: value is NSNull || value is String
            case .number: isNumber(value)
            case .optionalNumber: value is NSNull || isNumber(value)
            case .truth: isTruth(value)
            case .null: value is NSNull
            case .list: value is [Any]
            case .word(let words): (value as? String).map { words.contains($0) } ?? false
            case .optionalWord(let words): value is NSNull || Kind.word(words).fits(value)
            case .members:
                value is NSNull
                    || (value as? [[String: Any]])?.allSatisfy { member in
                        Set(member.keys) == Set(SchemaTests.part.keys)
                            && SchemaTests.part.allSatisfy { name, kind in member[name].map(kind.fits) ?? false }
                    } ?? false
            }
        }

        private func isTruth(_ value: Any) -> Bool {
            (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
        }

        private func isNumber(_ value: Any) -> Bool { value is NSNumber && !isTruth(value) }
    }

    static let transfer: [String: Kind] = [
        "id": .number, "direction": .word(["send", "receive"]), "peer": .text, "group": .optionalText, "name": .text,
        "size": .optionalNumber, "transferred": .number, "files": .number, "filesDone": .number,
        "state": .word(["offered", "accepted", "active", "sent", "complete", "declined", "cancelled", "failed"]),
        "waiting": .optionalWord(["peer", "relay-full", "relay-down", "relay-busy", "space", "paused"]),
        "lane": .optionalWord(["relay", "direct"]), "path": .optionalText, "bytesPerSecond": .optionalNumber,
        "reason": .optionalText, "by": .optionalWord(["me", "peer"]), "members": .members, "sha256": .optionalText,
        "retryAt": .optionalText, "retryOf": .optionalNumber, "expiresAt": .optionalText, "createdAt": .text,
        "updatedAt": .text,
    ]
    static let part: [String: Kind] = [
        "name": .text, "state": transfer["state"] ?? .text, "transferred": .number,
        "waiting": transfer["waiting"] ?? .text, "lane": transfer["lane"] ?? .text, "reason": .optionalText,
        "by": transfer["by"] ?? .text,
    ]
    static let types: [String: [String: Kind]] = [
        "transfer": transfer, "progress": transfer,
        "message": [
            "id": .number, "direction": .word(["send", "receive"]), "peer": .text, "group": .optionalText,
            "kind": .word(["text", "eval", "gap", "fork", "conflict"]), "text": .text,
            "state": .word(["queued", "sent", "new", "read"]),
            "missing": .optionalNumber, "editedAt": .optionalText, "deletedAt": .optionalText, "createdAt": .text,
        ],
        "contact": [
            "name": .text, "state": .word(["invited", "connecting", "connected", "failed", "removed"]),
            "verified": .truth, "reason": .optionalText, "accept": .word(["always", "ask"]), "max": .optionalNumber,
            "dir": .optionalText, "securityCode": .text,
        ],
        "group": [
            "name": .text, "role": .word(["member", "admin", "owner"]),
            "status": .word(["invited", "accepted", "connected", "announced", "confirmed"]),
            "departure": .optionalWord(["left", "removed", "deleted"]), "inviter": .optionalText, "members": .number,
            "refused": .optionalText, "createdAt": .text,
        ],
        "member": [
            "name": .text, "id": .text, "role": .word(["member", "admin", "owner"]),
            "category": .word(["me", "invitee", "host", "prior", "later"]),
            "status": .word([
                "invited", "accepted", "connected", "announced", "confirmed", "invited_me", "introduced",
                "sent_invitation", "received_invitation", "connected_directly", "left", "removed", "deleted",
            ]),
            "connected": .truth, "confirmed": .truth, "displayName": .text, "introductions": .list,
        ],
        "link": ["link": .text, "contact": .text],
        "setting": [
            "name": .text, "value": .optionalText, "origin": .word(["option", "environment", "file", "built-in"]),
            "place": .optionalText, "line": .optionalNumber,
        ],
        "export": ["path": .text], "import": ["path": .text],
        "check": [
            "name": .text, "ok": .truth, "message": .text, "bytes": .optionalNumber, "address": .text,
            "version": .number, "connectMilliseconds": .number, "roundTripMilliseconds": .number,
        ],
        "entry": [
            "kind": .word(["file", "folder", "link"]), "size": .number, "mode": .text, "modifiedAt": .optionalText,
            "hidden": .truth, "executable": .truth, "path": .text, "encodedPath": .text, "target": .optionalText,
        ],
        "relay": ["address": .text, "port": .number, "metricsPort": .optionalNumber],
        "demo": ["size": .number, "bytesPerSecond": .number, "ok": .truth],
        "error": [
            "exit": .number,
            "code": .word([
                "failed", "usage", "not-yet", "not-found", "cancelled", "declined", "integrity", "relay", "destination",
                "queued", "permission",
            ]), "message": .text,
        ],
    ]
    /// Members that are not always there.
    static let optional: Set<String> = [
        "securityCode", "bytes", "address", "version", "connectMilliseconds", "roundTripMilliseconds",
    ]

    /// The members that the manual page documents, by type.
    private static func documented() throws -> [String: Set<String>] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let page = String(file: root + "/man/sxfile.1").split(separator: "\n").map(String.init)
        let start = try #require(page.firstIndex(of: ".Sh JSON"))
        let end = try #require(page[(start + 1)...].firstIndex { $0.hasPrefix(".Sh ") })
        var members: [String: Set<String>] = [:]
        var types: [String] = []
        for line in page[start..<end] {
            if line.hasPrefix(".Ss ") {
                types = line.dropFirst(4).split(separator: ",").map { $0.filter { $0 != " " } }
                for type in types { members[type] = [] }
            } else if line.hasPrefix(".It Li ") {
                for type in types { members[type]?.insert(String(line.dropFirst(7))) }
            }
        }
        return members
    }

    @Test("the manual page documents these members and no others")
    func manual() throws {
        let documented = try Self.documented()
        #expect(Set(documented.keys) == Set(Self.types.keys))
        for (type, members) in Self.types { #expect(documented[type] == Set(members.keys), "\(type)") }
    }

    /// What every command printed, by what it was asked.
    private final class Record {
        var seen: Set<String> = []

        /// Checks every line of a result; `expected` are the types that have to be among them.
        func check(_ words: [String], _ result: CommandResult, _ expected: Set<String>) throws {
            let command = words.joined(separator: " ")
            var types: Set<String> = []
            for object in try result.objects {
                let type = try #require(object.type)
                let schema = try #require(SchemaTests.types[type], "\(command): \(type)")
                types.insert(type)
                #expect(object.keys.subtracting(["v", "type"]).subtracting(schema.keys).isEmpty, "\(command)")
                for (name, kind) in schema where !(SchemaTests.optional.contains(name) && object.members[name] == nil) {
                    let value = try #require(object.members[name], "\(command): \(type) without \(name)")
                    #expect(kind.fits(value), "\(command): \(type).\(name) is \(value)")
                }
            }
            #expect(types.subtracting(["progress"]) == expected, "\(command): \(result.output)\(result.errors)")
            if result.status != 0 {
                let last = try #require(try result.objects.last { $0.type == "error" }, "\(command)")
                #expect(last["exit"] == Int(result.status), "\(command)")
            }
            seen.formUnion(types)
        }
    }

    @Test("every command prints what is documented")
    func commands() async throws {
        let stage = try await Stage()
        let record = Record()
        func ask(_ person: Person, _ words: String..., input: String? = nil) async throws -> CommandResult {
            try await stage.start(words + ["--json"], home: person.name, input: input).wait()
        }
        func run(
            _ person: Person, _ words: String..., gives types: Set<String>, status: Int32 = 0, input: String? = nil
        ) async throws {
            let result = try await stage.start(words + ["--json"], home: person.name, input: input).wait()
            #expect(result.status == status, "\(words): \(result.output)\(result.errors)")
            try record.check(words, result, types)
        }
        let alice = try await stage.person("alice")
        let bob = try await stage.person("bob")
        try await run(alice, "config", "set", "name", "Alice", gives: ["setting"])
        try await run(alice, "config", "get", "name", gives: ["setting"])
        try await run(alice, "config", "list", gives: ["setting"])
        let invited = try await ask(alice, "invite", "--as", "bob")
        try record.check(["invite"], invited, ["link"])
        let link: String = try #require(try invited.objects.first?["link"])
        let host = try alice.start("daemon", "--json")
        try await run(bob, "connect", "--as", "alice", gives: ["contact"], input: link)
        try await run(bob, "connect", "--as", "again", gives: ["contact"], input: link)
        host.signal(SIGTERM)
        try record.check(["daemon"], try await host.wait(), [])
        try await run(alice, "contacts", gives: ["contact"])
        try await run(alice, "contacts", "verify", "bob", gives: ["contact"])
        try await run(alice, "contacts", "set", "bob", "accept=always", "max=1G", "dir=/tmp", gives: ["contact"])
        try await run(alice, "contacts", "rename", "bob", "robert", gives: ["contact"])
        try await run(alice, "contacts", "rename", "robert", "bob", gives: ["contact"])
        try await run(alice, "send", "bob", "-m", "a text", gives: ["message"])
        try await run(alice, "edit", "1", "a text\u{7}", gives: ["message"])
        let path = try stage.makeFile("a b", count: 300_000)
        try await run(alice, "send", "bob", path, "--no-wait", "--expires", "1h", gives: ["transfer"])
        try await run(alice, "pause", "2", gives: ["transfer"])
        try await run(alice, "resume", gives: [])
        try await run(alice, "status", gives: ["transfer"])
        try await run(alice, "resume", "2", "--timeout", "1s", gives: ["error"], status: 75)
        try await run(bob, "resume", gives: ["transfer"])
        try await run(bob, "inbox", gives: ["transfer", "message"])
        try await run(bob, "inbox", "1", gives: ["message"])
        try await run(bob, "messages", "alice", gives: ["transfer", "message"])
        try await run(alice, "delete", "1", gives: ["message"])
        try await run(bob, "inbox", "2", gives: ["transfer"])
        try await run(bob, "decline", "2", gives: ["transfer"])
        try await run(alice, "resume", gives: ["transfer", "error"], status: 4)
        let asking = try bob.start("retry", "2", "--json")
        let sending = try alice.start("daemon", "--json")
        try record.check(["retry"], try await asking.wait(), ["transfer"])
        sending.signal(SIGTERM)
        try record.check(["daemon"], try await sending.wait(), [])
        let again = try await ask(alice, "retry", "2", "--no-wait")
        try record.check(["retry"], again, ["transfer"])
        let offered: Int = try #require(try again.objects.first?["id"])
        try await run(alice, "cancel", "\(offered)", gives: ["transfer"])
        try await run(bob, "resume", gives: ["transfer"])
        try await run(alice, "send", "bob", stage.directory, "--exclude", "sxfile.db*", "--dry-run", gives: ["entry"])
        try await run(bob, "status", "--all", "--since", "1h", gives: ["transfer"])
        let complete = try #require(try await ask(bob, "status", "--all").objects.last { $0["state"] == "complete" })
        let id: Int = try #require(complete["id"])
        try await run(bob, "status", "\(id)", "--watch", gives: ["transfer"])
        let offering = try alice.start("send", "bob", path, "--json")
        let offer = try await bob.newestOffer()
        try await run(bob, "accept", offer, gives: ["transfer"])
        try record.check(["send"], try await offering.wait(), ["transfer"])
        try await run(bob, "accept", "--all", gives: [])
        try await run(alice, "group", "create", "team", gives: ["group"])
        try await run(alice, "group", "invite", "team", "bob", gives: ["member"])
        try await run(alice, "group", "members", "team", gives: ["member"])
        try await run(alice, "group", "list", gives: ["group"])
        try await run(alice, "group", "remove", "team", "bob", gives: ["member"])
        try await run(alice, "group", "delete", "team", gives: ["group"])
        try await run(alice, "doctor", gives: ["check"])
        try await run(alice, "demo", gives: ["demo"])
        let relay = try stage.start(
            ["relay", "--listen", "127.0.0.1:0", "--data", stage.directory + "/second", "--json"], home: "operator")
        _ = try await relay.firstLine()
        relay.signal(SIGTERM)
        try record.check(["relay"], try await relay.wait(), ["relay"])
        let (archive, secret) = (stage.directory + "/archive", stage.directory + "/secret")
        try "a passphrase for a test\n".write(to: secret)
        chmod(secret, 0o600)
        try await run(alice, "export", archive, "--passphrase-file", secret, gives: ["export"])
        let carol = Person(name: "carol", stage: stage)
        mkdir(carol.home, 0o700)
        try await run(carol, "import", archive, "--passphrase-file", secret, gives: ["import"])
        try await run(alice, "contacts", "remove", "bob", gives: ["contact"])
        #expect(record.seen == Set(Self.types.keys))
    }

    @Test("wrong use and failures are objects, with every command")
    func errors() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        let record = Record()
        let wrong: [([String], Int32)] = [
            (["send"], 2), (["send", "bob"], 2), (["send", "bob", "/nowhere"], 3), (["send", "bob", "-m", "a"], 3),
            (["accept"], 2), (["accept", "x"], 2), (["accept", "9"], 3), (["decline"], 2), (["decline", "9"], 3),
            (["cancel", "9"], 3), (["retry"], 2), (["retry", "9"], 3), (["pause"], 2), (["pause", "9"], 3),
            (["resume", "9"], 3), (["resume", "--wait", "long"], 2), (["status", "9"], 3),
            (["status", "--since", "1"], 2),
            (["messages", "bob"], 3), (["messages"], 2), (["edit", "9"], 2), (["edit", "9", "a"], 3),
            (["edit", "9", ""], 2), (["delete", "9"], 3), (["inbox", "9"], 3), (["invite"], 1), (["connect"], 2),
            (["connect", "no-link"], 2),
            (["contacts", "remove", "bob"], 3), (["contacts", "set", "bob"], 2), (["contacts", "verify", "bob"], 3),
            (["contacts", "rename", "bob"], 2), (["config", "get", "color"], 2), (["config", "set", "lane", "air"], 2),
            (["daemon", "--accept-from", "bob"], 3), (["relay", "--listen", "nowhere"], 2),
            (["group", "members", "nobody"], 3),
            (["demo", "/nowhere"], 3), (["doctor", "--loud"], 2), (["dance"], 2), (["--loud"], 2), (["send", "-x"], 2),
        ]
        for (words, status) in wrong {
            for place in [words + ["--json"], ["--json"] + words] {
                let result = try await stage.start(place, home: "alice").wait()
                #expect(result.status == status, "\(place): \(result.output)\(result.errors)")
                try record.check(place, result, ["error"])
            }
        }
    }
}
