import Foundation
import NIOCore
import SMPRelay
import Testing

@testable import AgentLink

/// Two links and a relay with a bad network in between.
@Suite(.serialized) struct ChaosTests {
    /// More of them on request: `SXFILE_CHAOS_SEEDS=100,101`.
    static let seeds: [UInt64] =
        ProcessInfo.processInfo.environment["SXFILE_CHAOS_SEEDS"]?.split(separator: ",").compactMap { UInt64($0) } ?? [
            1, 2,
        ]
    static let stored = 120
    static let bulk = 80

    /// Connections are cut, delayed, swallowed, refused; nothing is lost, repeated or out of order.
    @Test(.timeLimit(.minutes(3)), arguments: seeds) func badNetwork(seed: UInt64) async throws {
        try await run(seed: seed, rounds: 12) { world, turn in
            if turn % 3 == 0 { world.forwarder.cutAll() }
        }
    }

    /// Orderly stops and starts on top: what was refused or unacknowledged goes on, byte for byte.
    @Test(.timeLimit(.minutes(3)), arguments: seeds) func stops(seed: UInt64) async throws {
        try await run(seed: seed, rounds: 10) { world, turn in
            let peer = Bool.random(using: &world.dice) ? world.alice : world.bob
            await peer.stop()
            try await peer.start()
            await peer.send(stored: Self.stored, bulk: Self.bulk)
        }
    }

    /// Kills of either link and restarts of the relay: stored messages are all there, in order, once; bulk may be lost.
    @Test(.timeLimit(.minutes(3)), arguments: seeds) func kills(seed: UInt64) async throws {
        try await run(seed: seed, rounds: 14, mayLoseBulk: true) { world, turn in
            switch Int.random(in: 0..<5, using: &world.dice) {
            case 0, 1:
                await world.alice.kill()
                try await world.alice.start()
                await world.alice.send(stored: Self.stored, bulk: Self.bulk)
            case 2, 3:
                await world.bob.kill()
                try await world.bob.start()
                await world.bob.send(stored: Self.stored, bulk: Self.bulk)
            default: try await world.restartRelay()
            }
        }
    }

    // MARK: The world

    struct World {
        var relay: TestRelay
        let forwarder: Forwarder
        let alice: ChaosPeer
        let bob: ChaosPeer
        var dice: Dice

        mutating func restartRelay() async throws {
            try await relay.restart()
            forwarder.target(relay.port)
        }
    }

    private func run(
        seed: UInt64, rounds: Int, mayLoseBulk: Bool = false, _ trouble: (inout World, Int) async throws -> Void
    ) async throws {
        try await withRelay { relay in
            let forwarder = try await Forwarder.start(to: relay.port, seed: seed, group: relay.group)
            let address = try forwarder.address(of: relay.address)
            func peer(_ name: String, _ seed: UInt64) throws -> ChaosPeer {
                try ChaosPeer(
                    name, path: relay.directory.appendingPathComponent("\(name).db").path, relay: address,
                    group: relay.group, seed: seed)
            }
            let (alice, bob) = (try peer("alice", seed &* 31), try peer("bob", seed &* 37))
            var world = World(relay: relay, forwarder: forwarder, alice: alice, bob: bob, dice: Dice(seed: ~seed))
            try await alice.start()
            try await bob.start()
            // The connections are made in the storm as well.
            forwarder.calm(false)
            for kind in ConnectionKind.allCases { try await bob.join(kind, try await alice.initiate(kind)) }
            for kind in ConnectionKind.allCases {
                for peer in [alice, bob] {
                    while try await peer.state(kind) != .connected {
                        try #require(await peer.problems == [])
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
            }
            for peer in [alice, bob] { await peer.send(stored: Self.stored, bulk: Self.bulk) }
            for turn in 0..<rounds {
                try await Task.sleep(for: .milliseconds(Int.random(in: 20..<250, using: &world.dice)))
                try await trouble(&world, turn)
            }
            forwarder.calm(true)
            try await settle(world, mayLoseBulk: mayLoseBulk)
            await alice.stop()
            await bob.stop()
            try await forwarder.close()
            relay = world.relay
        }
    }

    private func settle(_ world: World, mayLoseBulk: Bool) async throws {
        for peer in [world.alice, world.bob] {
            while try await peer.got() < Self.stored {
                try #require(await peer.problems == [])
                try await Task.sleep(for: .milliseconds(20))
            }
            while await peer.sentBulk() < Self.bulk { try await Task.sleep(for: .milliseconds(20)) }
        }
        // The last bulk message says that what was before it has come or never will.
        for peer in [world.alice, world.bob] { await peer.send(stored: Self.stored, bulk: Self.bulk + 1) }
        for peer in [world.alice, world.bob] {
            while await peer.acknowledged[Self.bulk + 1] == nil { try await Task.sleep(for: .milliseconds(20)) }
            #expect(await peer.repeated() == [])
            if !mayLoseBulk { #expect(await peer.acknowledged.count == Self.bulk + 1) }
            #expect(await peer.problems == [])
            #expect(try await peer.got() == Self.stored)
        }
    }
}
