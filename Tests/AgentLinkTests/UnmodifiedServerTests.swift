import Database
import Foundation
import NIOPosix
import Testing

@testable import AgentLink

private let smpServer = ProcessInfo.processInfo.environment["SMP_SERVER"]

/// The link over a server that is not ours: `SMP_SERVER=smp://fingerprint@host:port make test`.
///
/// An unmodified smp-server holds 128 messages a queue and answers QUOTA from then on, so that the sender stops, waits for
/// the recipient's A_QCONT, and repeats what was refused.
@Suite struct UnmodifiedServerTests {
    @Test(.enabled(if: smpServer != nil, "SKIP: SMP_SERVER names no server"), .timeLimit(.minutes(3)))
    func contactFileAndQuota() async throws {
        let address = try #require(smpServer)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-smp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: directory) }
        let group = MultiThreadedEventLoopGroup.singleton
        let alice = try await Party(
            directory.appendingPathComponent("alice.db").path, relay: address, bootID: "test", isFast: true,
            group: group)
        var bob = try await Party(
            directory.appendingPathComponent("bob.db").path, relay: address, bootID: "test", isFast: true, group: group)

        let (a, b) = try await connected(alice, bob)
        let large = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await alice.link.send(large, on: a)
        try await bob.link.send(large, on: b)
        #expect(try await bob.message() == large)
        #expect(try await alice.message() == large)

        // 300 messages to somebody who is away, and comes back.
        let (file, _) = try await connected(alice, bob, kind: .file)
        await bob.link.stop()
        let sender = Task {
            for number in 0..<300 { _ = try await alice.link.sendBulk([Self.bulk(number)], on: file) }
        }
        try await Task.sleep(for: .seconds(2))
        bob = try await Party(
            directory.appendingPathComponent("bob.db").path, relay: address, bootID: "test", isFast: true, group: group)
        var seen: Set<Int> = []
        while seen.count < 300 {
            let (body, token) = try await bob.bulk()
            let number = try #require(Int(String(decoding: body.dropFirst(12), as: UTF8.self)))
            #expect(body == Self.bulk(number) && seen.insert(number).inserted)
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

    private static func bulk(_ number: Int) -> [UInt8] { Array(" x.msg.file \(number)".utf8) }
}
