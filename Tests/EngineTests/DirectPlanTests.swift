import Testing

@testable import Engine

/// When the direct lane is tried, and which of its frames are handled.
@Suite struct DirectPlanTests {
    @Test func triedWhenDueThenAfterGrowingPauses() {
        var plan = DirectPlan(isWanted: true, notBefore: .seconds(5))
        #expect(!plan.isDue(at: .seconds(4)))
        var now = Duration.seconds(5)
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            #expect(plan.isDue(at: now))
            plan.begin(at: now)
            let early = plan.gaveUp(at: now + .seconds(9))
            #expect(!plan.isDue(at: now + .seconds(9)) && !early)
            now += .seconds(10)
            let gaveUp = plan.gaveUp(at: now)
            #expect(gaveUp)
            #expect(!plan.isDue(at: now + .seconds(pause) - .milliseconds(1)))
            now += .seconds(pause)
        }
    }

    @Test func theOnlyLaneIsTriedOftener() {
        var plan = DirectPlan(isWanted: true, isOnlyLane: true, notBefore: .zero)
        for pause in [5, 10, 20, 30, 30] as [Int64] {
            plan.failed(at: .zero)
            #expect(!plan.isDue(at: .seconds(pause) - .milliseconds(1)) && plan.isDue(at: .seconds(pause)))
        }
    }

    @Test func aMeetingStartsThePausesAnew() {
        var plan = DirectPlan(isWanted: true, notBefore: .zero)
        for _ in 0..<5 { plan.failed(at: .zero) }
        plan.begin(at: .seconds(400))
        plan.met()
        let gaveUp = plan.gaveUp(at: .seconds(900))
        #expect(!plan.isDue(at: .seconds(900)) && !gaveUp)
        plan.failed(at: .seconds(900))
        #expect(plan.isDue(at: .seconds(905)))
    }

    @Test func whatIsNotWantedNeverComes() {
        var plan = DirectPlan(isWanted: false, notBefore: .zero)
        plan.failed(at: .zero)
        #expect(plan.state == .off && !plan.isDue(at: .seconds(1000)))
    }

    @Test func onlyAMessageOfTheLastHalfMinuteIsFresh() {
        #expect(!DirectPlan.isFresh(nil, at: 1000))
        for (heardAt, isFresh) in [(1000, true), (970, true), (969, false), (1030, true), (1031, false)]
            as [(Int64, Bool)]
        {
            #expect(DirectPlan.isFresh(heardAt, at: 1000) == isFresh)
        }
    }

    @Test func framesCountAsHandledInOrder() {
        var intake = DirectIntake()
        #expect(intake.handled == 0)
        // `go`, and then three chunks.
        let go = intake.take()
        #expect(go == 1 && intake.handled == 1)
        for _ in 0..<3 { intake.begin(intake.take()) }
        #expect(intake.handled == 1)
        intake.end(3)
        #expect(intake.handled == 1)
        intake.end(2)
        #expect(intake.handled == 3)
        let next = intake.take()
        #expect(next == 5 && intake.handled == 3)
        intake.end(4)
        #expect(intake.handled == 5)
    }

    @Test func acknowledgedEveryFourMebibytes() {
        var intake = DirectIntake()
        let due = (0..<64).map { _ in intake.written(1 << 18) }
        #expect(due.enumerated().allSatisfy { $0.element == ($0.offset % 16 == 15) })
    }
}
