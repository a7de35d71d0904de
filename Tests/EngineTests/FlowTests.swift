import AgentLink
import Testing

@testable import Engine

/// What transfers and contacts need next: rows and connection states in, one step out.
@Suite struct FlowTests {
    static let contact = Contact(
        id: 1, name: "bob", isNamed: true, state: .connected, isVerified: false, createdAt: 0, connection: nil)

    static func transfer(_ direction: Direction, _ state: TransferState, isInline: Bool = false) -> Transfer {
        var transfer = Transfer(
            id: 3, direction: direction, contact: contact, isInline: isInline, name: "a", size: 5, chunkSize: 262_144,
            now: 1000)
        transfer.state = state
        transfer.connection = isInline ? nil : ConnectionID(rawValue: 7)
        return transfer
    }

    static func facts(
        _ transfer: Transfer, connection: ConnectionState? = nil, contact: ConnectionState? = .connected,
        delivered: Bool = false, parts: Bool = false, now: Int64 = 1000
    ) -> TransferStep {
        TransferFacts(
            transfer: transfer, connection: connection, contact: contact, isFarewellDelivered: delivered,
            hasInlineParts: parts, now: now
        ).next
    }

    @Test func anOfferWaitsForItsLinkAndItsContact() {
        var row = Self.transfer(.send, .offered)
        #expect(Self.facts(row, connection: .creating) == .wait(.peer))
        #expect(Self.facts(row, connection: .offered) == .offer)
        #expect(Self.facts(row, connection: .offered, contact: .joined) == .wait(.peer))
        #expect(Self.facts(row, connection: .offered, contact: .failed) == .fail)
        #expect(Self.facts(row, connection: .failed) == .fail)
        #expect(Self.facts(row, connection: nil) == .fail)
        row.offerMessage = 9
        #expect(Self.facts(row, connection: .offered) == .wait(.peer))
        #expect(Self.facts(row, connection: .confirmed) == .wait(.peer))
        #expect(Self.facts(Self.transfer(.receive, .offered)) == .wait(nil))
    }

    @Test func anOfferInAGroup() {
        var facts = TransferFacts(
            transfer: Self.transfer(.send, .offered), connection: .offered, contact: .connected,
            isFarewellDelivered: false, hasInlineParts: false, now: 1000, isOfferQueued: true)
        #expect(facts.next == .wait(.peer))
        // What waited for a connection that ended is decided on once more.
        facts.isOfferQueued = false
        #expect(facts.next == .offer)
        facts.transfer.offerMessage = 9
        facts.isMemberGone = true
        #expect(facts.next == .fail)
        facts.transfer.state = .active
        facts.connection = .connected
        #expect(facts.next == .run)
    }

    /// No chunk before acceptance, and none before the connection is duplex.
    @Test func chunksFlowOnlyOnAConnectionThatStands() {
        for state in [ConnectionState.allowing, .joining, .joined, .greeting] {
            #expect(Self.facts(Self.transfer(.send, .accepted), connection: state) == .wait(.peer))
            #expect(Self.facts(Self.transfer(.receive, .accepted), connection: state) == .wait(.peer))
        }
        for direction in Direction.allCases {
            #expect(Self.facts(Self.transfer(direction, .accepted), connection: .connected) == .run)
            #expect(Self.facts(Self.transfer(direction, .active), connection: .connected) == .run)
            #expect(Self.facts(Self.transfer(direction, .active), connection: .failed) == .fail)
            #expect(Self.facts(Self.transfer(direction, .active), connection: nil) == .fail)
        }
        #expect(Self.facts(Self.transfer(.send, .offered), connection: .connected) == .offer)
    }

    @Test func theLastWordIsWaitedForAWeek() {
        let week = 1000 + TransferFacts.patience
        let sent = Self.transfer(.send, .sent)
        #expect(Self.facts(sent, connection: .connected, now: week) == .run)
        #expect(Self.facts(sent, connection: .connected, now: week + 1) == .dropConnection)
        #expect(Self.facts(sent, connection: nil, now: week + 1) == .wait(nil))
        var complete = Self.transfer(.receive, .complete)
        complete.farewell = 12
        #expect(Self.facts(complete, connection: .connected) == .wait(nil))
        #expect(Self.facts(complete, connection: .connected, delivered: true) == .dropConnection)
        #expect(Self.facts(complete, connection: .connected, now: week + 1) == .dropConnection)
    }

    @Test func anEndingIsToldOnTheConnectionThatStands() {
        var row = Self.transfer(.send, .cancelled)
        row.isUntold = true
        #expect(Self.facts(row, connection: .connected) == .tellPeer)
        #expect(Self.facts(row, connection: .offered) == .tellContact)
        #expect(Self.facts(row, connection: .allowing) == .tellContact)
        #expect(Self.facts(row, connection: .offered, contact: .joining) == .wait(nil))
        #expect(Self.facts(row, connection: .offered, contact: nil) == .leaveUntold)
        row.isUntold = false
        #expect(Self.facts(row, connection: .connected) == .dropConnection)
        row.farewell = 4
        #expect(Self.facts(row, connection: .connected) == .wait(nil))
        row.connection = nil
        #expect(Self.facts(row) == .wait(nil))
    }

    @Test func whatEndedLeavesNoPartial() {
        for state in [TransferState.declined, .cancelled, .failed] {
            var row = Self.transfer(.receive, state)
            row.destination = "record"
            row.isUntold = true
            #expect(Self.facts(row, connection: .connected) == .discard)
        }
        var complete = Self.transfer(.receive, .complete)
        complete.destination = "record"
        #expect(Self.facts(complete, connection: .connected) == .dropConnection)
    }

    @Test func inlineFilesGoOnTheContactsConnection() {
        var row = Self.transfer(.send, .active, isInline: true)
        #expect(Self.facts(row, parts: true) == .sendInline)
        #expect(Self.facts(row, contact: .joined, parts: true) == .wait(.peer))
        #expect(Self.facts(row, contact: .failed, parts: true) == .fail)
        row.offerMessage = 4
        #expect(Self.facts(row, parts: true) == .sendInline)
        #expect(Self.facts(row) == .finishInline)
        row.state = .sent
        #expect(Self.facts(row) == .wait(.peer))
        var received = Self.transfer(.receive, .complete, isInline: true)
        received.isUntold = true
        #expect(Self.facts(received) == .confirmInline)
        received.isUntold = false
        #expect(Self.facts(received) == .wait(nil))
    }

    @Test func nothingBeginsForATransferThatTheUserHolds() {
        var row = Self.transfer(.send, .offered)
        row.isPaused = true
        #expect(Self.facts(row, connection: .offered) == .wait(.paused))
        row.offerMessage = 9
        #expect(Self.facts(row, connection: .offered) == .wait(.paused))
        row.state = .active
        // What runs holds itself, and hears of an ending.
        #expect(Self.facts(row, connection: .connected) == .run)
        #expect(Self.facts(row, connection: .failed) == .fail)
        var inline = Self.transfer(.send, .active, isInline: true)
        inline.isPaused = true
        #expect(Self.facts(inline, parts: true) == .wait(.paused))
        row.end(.cancelled, by: .me)
        row.isUntold = true
        #expect(Self.facts(row, connection: .connected) == .tellPeer)
    }

    @Test func offersRunOut() {
        var row = Self.transfer(.send, .offered)
        row.expiresAt = 1001
        #expect(Self.facts(row, connection: .offered) == .offer)
        #expect(Self.facts(row, connection: .offered, now: 1001) == .expire)
        // With the relay, an acceptance may be on its way: what waits is read first.
        row.offerMessage = 9
        #expect(Self.facts(row, connection: .offered, now: 1001) == .wait(.peer))
        let read = TransferFacts(
            transfer: row, connection: .offered, contact: .connected, isFarewellDelivered: false,
            hasInlineParts: false, now: 1001, isQueueRead: true)
        #expect(read.next == .expire)
        row.state = .accepted
        #expect(Self.facts(row, connection: .connected, now: 1001) == .run)
        var received = Self.transfer(.receive, .offered)
        received.expiresAt = 1001
        #expect(Self.facts(received, now: 1000) == .wait(nil))
        #expect(Self.facts(received, now: 1001) == .expire)
    }

    @Test func asking() {
        var row = Self.transfer(.receive, .accepted)
        row.connection = nil
        row.retryOf = 2
        #expect(Self.facts(row) == .ask)
        #expect(Self.facts(row, contact: .joined) == .wait(.peer))
        #expect(Self.facts(row, contact: .failed) == .fail)
        row.offerMessage = 4
        #expect(Self.facts(row) == .wait(.peer))
        var sent = Self.transfer(.send, .declined)
        sent.connection = nil
        sent.isAskedAgain = true
        #expect(Self.facts(sent) == .answerRetry)
        #expect(Self.facts(sent, contact: nil) == .wait(nil))
    }

    @Test func contacts() {
        var contact = Self.contact
        contact.state = .invited
        #expect(ContactStep.next(contact, connection: .offered) == .wait)
        #expect(ContactStep.next(contact, connection: .connected) == .connect)
        #expect(ContactStep.next(contact, connection: .failed) == .fail)
        contact.state = .connected
        #expect(ContactStep.next(contact, connection: .connected) == .wait)
        #expect(ContactStep.next(contact, connection: nil) == .fail)
        contact.state = .removed
        #expect(ContactStep.next(contact, connection: nil) == .wait)
    }

    @Test func waiting() {
        #expect(WaitingFlow.waiting(.active, direction: .send, isFull: true, isDown: false) == .relayFull)
        #expect(WaitingFlow.waiting(.active, direction: .send, isFull: true, isDown: true) == .relayDown)
        #expect(WaitingFlow.waiting(.active, direction: .receive, isFull: false, isDown: false) == nil)
        #expect(WaitingFlow.waiting(.sent, direction: .send, isFull: false, isDown: false) == .peer)
        #expect(WaitingFlow.waiting(.complete, direction: .send, isFull: true, isDown: true) == nil)
    }

    @Test func nothingMovesForTwoSeconds() {
        var watch = IdleWatch()
        var looks: [Bool] = []
        looks.append(watch.look(EngineActivity(isBusy: false, count: 1), at: .seconds(0)))
        looks.append(watch.look(EngineActivity(isBusy: false, count: 1), at: .milliseconds(1999)))
        looks.append(watch.look(EngineActivity(isBusy: true, count: 1), at: .seconds(3)))
        looks.append(watch.look(EngineActivity(isBusy: false, count: 2), at: .seconds(4)))
        looks.append(watch.look(EngineActivity(isBusy: false, count: 2), at: .seconds(6)))
        #expect(looks == [false, false, false, false, true])
    }

    @Test func rates() {
        var meter = RateMeter()
        meter.record(0, at: .zero)
        #expect(meter.bytesPerSecond == nil)
        for second in 1...10 { meter.record(UInt64(second) * 1000, at: .seconds(second)) }
        #expect(meter.bytesPerSecond == 1000)
        // Wanted again: nothing runs backwards.
        meter.record(500, at: .seconds(11))
        meter.record(1500, at: .seconds(12))
        #expect(meter.bytesPerSecond == 1000)
        // Nothing comes any more: the rate says so.
        for second in 13...18 { meter.record(1500, at: .seconds(second)) }
        #expect(meter.bytesPerSecond == 0)
        var due: [Bool] = []
        due.append(meter.isReportDue(at: .seconds(12)))
        due.append(meter.isReportDue(at: .milliseconds(12_099)))
        due.append(meter.isReportDue(at: .milliseconds(12_100)))
        #expect(due == [true, false, true])
    }
}
