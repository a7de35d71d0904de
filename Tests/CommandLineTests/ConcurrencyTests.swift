import Glibc
import Testing

/// Many processes of one profile at once.
@Suite(.serialized)
struct ConcurrencyTests {
    private struct Started {
        let person: Person
        let words: [String]
        let child: ChildProcess
    }

    /// What a command may end with when others work on the same transfers.
    private static func allowed(_ words: [String]) -> Set<Int32> {
        switch words[0] {
        case "accept", "resume": [0, 4, 75]
        default: [0]
        }
    }

    @Test("ten processes a side, mixed: no deadlock, no wish lost, nothing twice", arguments: [1, 2, 3] as [UInt64])
    func tenProcesses(seed: UInt64) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        var generator = SeededGenerator(seed: seed)
        var offered: [String: String] = [:]
        var texts = 0
        for round in 0..<3 {
            var orders: [(Person, [String])] = []
            for (index, count) in [10, 70_000, 300_000].shuffled(using: &generator).enumerated() {
                let name = "alice-\(round)-\(index)"
                offered[name] = try stage.makeFile(name, count: count, seed: seed + UInt64(index))
                orders.append((alice, ["send", "bob", offered[name] ?? "", "--no-wait"]))
            }
            let name = "bob-\(round)"
            offered[name] = try stage.makeFile(name, count: 50_000, seed: seed)
            orders.append((bob, ["send", "alice", offered[name] ?? "", "--no-wait"]))
            for (person, peer) in [(alice, "bob"), (bob, "alice")] {
                orders += [
                    (person, ["send", peer, "-m", "text \(texts)"]), (person, ["resume"]),
                    (person, ["resume", "--wait", "2s"]), (person, ["status", "--all"]), (person, ["inbox"]),
                    (person, ["contacts"]),
                ]
                texts += 1
            }
            orders += [
                (alice, ["invite"]), (bob, ["accept", "--all", "--no-wait"]),
                (bob, ["accept", "--all", "--timeout", "3s"]),
            ]
            for person in [alice, bob] {
                let ids = try await person.succeed("status").lines.map { String($0.prefix { $0 != "\t" }) }
                if let id = ids.randomElement(using: &generator) { orders.append((person, ["cancel", id])) }
                if let id = ids.randomElement(using: &generator), person.name == "alice" {
                    orders.append((person, ["cancel", id]))
                }
            }
            orders.shuffle(using: &generator)
            let started = try orders.map { person, words in
                Started(
                    person: person, words: words, child: try stage.start(words, home: person.name))
            }
            for item in started {
                let result = try await item.child.wait()
                let told = "\(item.person.name): \(item.words) \(result.status) \(result.output)\(result.errors)"
                #expect(Self.allowed(item.words).contains(result.status), "\(told)")
            }
        }
        try await settle(alice, bob)
        try await check(alice, bob, offered)
        #expect(try await countTexts(of: alice) + countTexts(of: bob) == texts)
    }

    /// Both take what they were offered, until nothing is left.
    private func settle(_ alice: Person, _ bob: Person) async throws {
        for _ in 0..<8 {
            for (person, peer) in [(alice, bob), (bob, alice)] {
                _ = try await peer.run("resume")
                let host = try peer.start("daemon")
                let result = try await person.run("accept", "--all", "--timeout", "60s")
                #expect([0, 4].contains(result.status), "\(result.errors)")
                host.signal(SIGTERM)
                try await host.wait()
            }
            let open = try await alice.succeed("status").lines + bob.succeed("status").lines
            if open.isEmpty { return }
        }
        Issue.record("not settled: \(try await alice.run("status").output)\(try await bob.run("status").output)")
    }

    /// Both sides say the same of every transfer, and what is complete is there.
    private func check(_ alice: Person, _ bob: Person, _ offered: [String: String]) async throws {
        for (sender, recipient) in [(alice, bob), (bob, alice)] {
            let sent = try await transfers(of: sender, "to")
            let received = try await transfers(of: recipient, "from")
            let paths = try await paths(of: recipient)
            #expect(!sent.isEmpty)
            for (name, state) in sent {
                #expect(["complete", "cancelled", "declined"].contains(state), "\(name) is \(state)")
                // An offer that was cancelled in time was never seen.
                let other = received[name] ?? "cancelled"
                #expect((state == "complete") == (other == "complete"), "\(name): \(state), \(other)")
                guard state == "complete" else { continue }
                // Two that accept it at once both reserve its name: the second one's is `name_1`.
                let path = paths[name] ?? ""
                #expect([name, name + "_1"].contains(String(path.split(separator: "/").last ?? "")), "\(path)")
                #expect(haveSameBytes(path, offered[name] ?? ""), "\(name)")
            }
            #expect(Stage.list(recipient.downloads).count == sent.filter { $0.value == "complete" }.count)
        }
    }

    /// Name and state of each transfer of one direction.
    private func transfers(of person: Person, _ direction: String) async throws -> [String: String] {
        let rows = try await person.succeed("status", "--all").lines.map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        return Dictionary(rows.filter { $0[1] == direction }.map { ($0[6], $0[3]) }) { first, _ in
            Issue.record("a name twice: \(rows)")
            return first
        }
    }

    /// Where each received file is, by its name.
    private func paths(of person: Person) async throws -> [String: String] {
        let rows = try await person.succeed("status", "--all", "--json").objects.filter { $0["direction"] == "receive" }
        return rows.reduce(into: [:]) { paths, row in
            if let name: String = row["name"], let path: String = row["path"] { paths[name] = path }
        }
    }

    private func countTexts(of person: Person) async throws -> Int {
        try await person.succeed("inbox").lines.filter { $0.contains("\tmessage\t") }.count
    }
}
