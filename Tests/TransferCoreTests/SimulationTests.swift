import Testing
import TransferCore

@Suite struct SimulationTests {
    private func run(
        _ chunks: UInt64, _ seed: UInt64, _ weather: Weather, limits: TransferLimits? = nil, known: Bool = true
    ) throws -> Simulation {
        var simulation = try Simulation(chunks: chunks, seed: seed, weather: weather, limits: limits, known: known)
        simulation.run()
        return simulation
    }

    private func expectComplete(_ simulation: Simulation, _ seed: UInt64) {
        #expect(simulation.sender.state == .ended(.complete), "seed \(seed), \(simulation.steps) steps")
        #expect(simulation.recipient.state == .ended(.complete), "seed \(seed), \(simulation.steps) steps")
        #expect(simulation.isFinished && simulation.disk == simulation.content, "seed \(seed)")
        let repeats = simulation.sends.values.reduce(0, +) - simulation.content.count
        #expect(repeats <= simulation.budget, "seed \(seed)")
    }

    @Test("fair weather: every chunk once, no want", arguments: [0, 1, 2, 3, 40] as [UInt64])
    func fairWeather(chunks: UInt64) throws {
        for known in [true, false] {
            let simulation = try run(chunks, chunks + 1, Weather(duplicate: 20), known: known)
            expectComplete(simulation, chunks)
            #expect(simulation.wants.isEmpty)
            #expect(simulation.sends.values.allSatisfy { $0 == 1 })
            #expect(simulation.recipient.bytesWritten == simulation.plan.size)
            #expect(simulation.sender.bytesDelivered == simulation.plan.size)
        }
    }

    @Test("orderly exits on both sides: nothing sent twice, no want")
    func cron() throws {
        for seed in 1...200 as ClosedRange<UInt64> {
            let simulation = try run(40, seed, Weather(senderLeave: 100, recipientLeave: 100, powerLoss: 30))
            expectComplete(simulation, seed)
            #expect(simulation.wants.isEmpty, "seed \(seed)")
            #expect(simulation.sends.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        }
    }

    @Test("each kind of bad weather alone", arguments: 0..<7)
    func oneKind(kind: Int) throws {
        let kinds = [
            Weather(loss: 5), Weather(reorder: 20), Weather(damage: 3), Weather(senderCrash: 100),
            Weather(recipientCrash: 100), Weather(recipientCrash: 100, powerLoss: 100),
            Weather(reorder: 10, senderCrash: 60, recipientCrash: 60),
        ]
        for seed in 1...100 as ClosedRange<UInt64> {
            let simulation = try run(40, seed, kinds[kind])
            expectComplete(simulation, seed)
        }
    }

    @Test("everything at once: the right bytes, bounded repeats")
    func everything() throws {
        let weather = Weather(
            loss: 3, reorder: 10, duplicate: 10, damage: 1, senderCrash: 40, senderLeave: 40, recipientCrash: 40,
            recipientLeave: 40, powerLoss: 40)
        for seed in 1...300 as ClosedRange<UInt64> {
            let simulation = try run(UInt64(seed % 60), seed, weather, known: seed % 3 != 0)
            expectComplete(simulation, seed)
        }
    }

    @Test("a direct connection that comes, carries and breaks: the right bytes, bounded repeats")
    func direct() throws {
        var direct = 0
        for seed in 1...300 as ClosedRange<UInt64> {
            let simulation = try run(UInt64(seed % 90), seed, Weather(directUp: 100, directBreak: 100))
            expectComplete(simulation, seed)
            direct += simulation.directSends
        }
        #expect(direct > 5000, "most chunks went that way")
    }

    @Test("both lanes, and everything at once")
    func directAndEverything() throws {
        let weather = Weather(
            loss: 3, reorder: 10, duplicate: 10, damage: 1, senderCrash: 40, senderLeave: 40, recipientCrash: 40,
            recipientLeave: 40, powerLoss: 40, directUp: 60, directBreak: 60)
        for seed in 1...300 as ClosedRange<UInt64> {
            let simulation = try run(UInt64(seed % 60), seed, weather, known: seed % 3 != 0)
            expectComplete(simulation, seed)
        }
    }

    @Test("what a relay loses is made good on a direct connection that stays")
    func lostByTheRelay() throws {
        for seed in 1...200 as ClosedRange<UInt64> {
            expectComplete(try run(60, seed, Weather(loss: 20, directUp: 100)), seed)
        }
    }

    @Test func aChunkDamagedOnTheDirectLaneIsWantedAgain() throws {
        for seed in 1...50 as ClosedRange<UInt64> {
            let simulation = try run(40, seed, Weather(damage: 5, directUp: 100))
            expectComplete(simulation, seed)
        }
    }

    @Test("few chunks held beyond a gap: the rest is wanted again")
    func tightMemory() throws {
        var limits = TransferLimits()
        limits.heldChunks = 2
        limits.storeInterval = 1 << 20
        for seed in 1...40 as ClosedRange<UInt64> {
            let simulation = try run(80, seed, Weather(loss: 2), limits: limits)
            #expect(simulation.sender.state == .ended(.complete), "seed \(seed)")
            #expect(simulation.disk == simulation.content, "seed \(seed)")
        }
    }

    @Test func aChunkThatIsAlwaysDamagedFailsBothSidesByNumber() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let simulation = try run(12, seed, Weather(alwaysDamaged: 5))
            #expect(simulation.recipient.state == .ended(.failed(.damagedChunk(5), by: .me)))
            #expect(simulation.sender.state == .ended(.failed(.damagedChunk(5), by: .peer)))
            #expect(simulation.sends[5] == 3)
            #expect(simulation.disk.isEmpty && !simulation.isFinished)
        }
    }

    @Test func aWrongRootLeavesNothing() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let simulation = try run(12, seed, Weather(recipientCrash: 50, wrongRoot: true))
            #expect(simulation.recipient.state == .ended(.failed(.wrongRoot, by: .me)))
            #expect(simulation.sender.state == .ended(.failed(.wrongRoot, by: .peer)))
            #expect(simulation.disk.isEmpty && !simulation.isFinished)
        }
    }

    @Test("a cancel at any moment: both sides agree on whether the file is there")
    func cancel() throws {
        let weather = Weather(
            loss: 2, senderCrash: 20, senderLeave: 20, recipientCrash: 20, recipientLeave: 20, cancel: 30)
        var complete = 0
        for seed in 1...200 as ClosedRange<UInt64> {
            let simulation = try run(20, seed, weather)
            guard case .ended(let sent) = simulation.sender.state else {
                Issue.record("seed \(seed): the sender never ends")
                continue
            }
            guard case .ended(let received) = simulation.recipient.state else {
                Issue.record("seed \(seed): the recipient never ends")
                continue
            }
            #expect((sent == .complete) == (received == .complete), "seed \(seed)")
            #expect(simulation.disk == (received == .complete ? simulation.content : [:]), "seed \(seed)")
            if sent == .complete { complete += 1 }
        }
        #expect(complete > 10 && complete < 190)
    }
}
