import Database
import Foundation
import NIOPosix
import SMPProtocol
import Testing

@testable import AgentLink

private let smpServer = TestRelay.variable("SMP_SERVER")
private let restart = TestRelay.variable("SMP_SERVER_RESTART")

/// The link over a server that is not ours: `SMP_SERVER=smp://fingerprint@host:port make test`.
///
/// An unmodified smp-server holds 128 messages a queue and answers QUOTA from then on, so that the sender stops, waits for
/// the recipient's A_QCONT, and repeats what was refused. With `SXFILE_TEST_SERVER` instead, all suites of this module and
/// of the command line run over it.
@Suite(.serialized) struct UnmodifiedServerTests {
    @Test(
        .enabled(if: smpServer != nil, "SKIP: SMP_SERVER names no server"), .timeLimit(.minutes(3)),
        arguments: Array(SMP.clientVersions))
    func contactFileAndQuota(version: UInt16) async throws {
        try await withServer(try #require(smpServer)) { server in
            try await runContactFileAndQuota(over: server, version: version)
        }
    }

    /// What waits outlives an orderly end of the server, and both sides come back by themselves.
    @Test(
        .enabled(if: smpServer != nil && restart != nil, "SKIP: SMP_SERVER_RESTART is no command that restarts it"),
        .timeLimit(.minutes(1)))
    func restarted() async throws {
        let command = try #require(restart)
        try await withServer(try #require(smpServer)) { server in
            let alice = try await server.party("alice")
            var bob = try await server.party("bob")
            let (a, b) = try await connected(alice, bob)
            try await bob.link.send([1], on: b)
            #expect(try await alice.message() == [1])
            await bob.link.stop()
            let last = try await alice.link.send([2], on: a)
            try await alice.delivered(a, last)
            try run(command)
            try await alice.down()
            try await alice.link.send([3], on: a)
            bob = try await server.party("bob")
            #expect(try await bob.message() == [2])
            #expect(try await bob.message() == [3])
            try await bob.link.send([4], on: b)
            #expect(try await alice.message() == [4])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    private func withServer(_ address: String, _ body: (TestRelay) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-smp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: directory) }
        let group = MultiThreadedEventLoopGroup.singleton
        try await body(TestRelay(own: nil, address: address, directory: directory, group: group))
    }
}

/// The same over our relay when it does as any other: no delivery window, 128 messages a queue.
@Suite(.serialized) struct PlainRelayTests {
    @Test(.timeLimit(.minutes(1)), arguments: [9, 11, 14] as [UInt16])
    func contactFileAndQuota(version: UInt16) async throws {
        try await withRelay(messagesPerQueue: 128, offersWindow: false) { relay in
            try await runContactFileAndQuota(over: relay, version: version)
        }
    }
}

private func runContactFileAndQuota(over server: TestRelay, version: UInt16) async throws {
    let alice = try await server.party("alice", versions: version...version)
    var bob = try await server.party("bob", versions: version...version)
    let (a, b) = try await connected(alice, bob)
    let large = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try await alice.link.send(large, on: a)
    try await bob.link.send(large, on: b)
    #expect(try await bob.message() == large)
    #expect(try await alice.message() == large)

    // 300 messages to somebody who is away, and comes back.
    let (file, _) = try await connected(alice, bob, kind: .file)
    await bob.link.stop()
    func bulk(_ number: Int) -> [UInt8] { Array(" x.msg.file \(number)".utf8) }
    let sender = Task {
        for number in 0..<300 { _ = try await alice.link.sendBulk([Array(" x.msg.file \(number)".utf8)], on: file) }
    }
    #expect(try await alice.isFull(file))
    // From here on only A_QCONT can end the wait in time.
    await alice.link.waitLong(file)
    bob = try await server.party("bob", versions: version...version)
    // What is sent behind a refused one may be taken before it.
    var seen: Set<Int> = []
    while seen.count < 300 {
        let (body, token) = try await bob.bulk()
        let number = try #require(Int(String(decoding: body.dropFirst(12), as: UTF8.self)))
        #expect(body == bulk(number) && seen.insert(number).inserted)
        try await bob.link.acknowledge(token)
    }
    try await sender.value

    for (party, ids) in [(alice, [a, file]), (bob, [b])] {
        for id in ids {
            try party.database.write { db in try AgentStore.delete(db, id) }
            await party.link.wake(id)
            try await party.until(id, is: nil)
        }
    }
    await alice.link.stop()
    await bob.link.stop()
}
