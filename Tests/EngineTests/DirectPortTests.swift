import ChatProtocol
import DirectLane
import Primitives
import Testing

@testable import Engine

/// What a hostile x.file.direct can bring about.
@Suite struct DirectPortTests {
    private func offer(_ endpoints: [String]) throws -> DirectOffer {
        let key = DirectKey.random()
        return DirectOffer(
            endpoints: try endpoints.map { try #require(DirectOffer.Endpoint($0)) }, identity: key.identity,
            key: key.key.bytes)
    }

    /// Addresses that no machine of ours has on its networks, and services below 1024, which cannot even be named.
    @Test func endpointsThatPointElsewhereAreNotDialled() throws {
        let elsewhere = ["203.0.113.9:4000", "[2001:db8::9]:4000", "224.0.0.1:4000", "0.0.0.0:4000", "[fe80::1]:4000"]
        let port = DirectPort(DirectPolicy(), notBefore: .zero)
        #expect(port.endpoints(of: try offer(elsewhere)).isEmpty)
        #expect(port.endpoints(of: try offer(elsewhere + ["127.0.0.1:4000"])).map(\.description) == ["127.0.0.1:4000"])
        #expect(DirectOffer.Endpoint("127.0.0.1:22") == nil)
        let open = DirectPort(DirectPolicy(dialsPublic: true), notBefore: .zero)
        #expect(
            open.endpoints(of: try offer(elsewhere)).map(\.description) == ["203.0.113.9:4000", "[2001:db8::9]:4000"])
    }

    @Test func whoDoesNotWantItAnswersNothing() throws {
        var port = DirectPort(DirectPolicy(isWanted: false), notBefore: .zero)
        let offer = try offer(["127.0.0.1:4000"])
        #expect(!port.isDue && port.reply(to: offer) == .none)
        port.dial(offer)
        #expect(port.rendezvous == nil)
    }

    /// An answer that comes when the two have met already must not end the meeting.
    @Test func onlyAnOfferThatAnswersNothingOfOursBeginsAnew() throws {
        var port = DirectPort(DirectPolicy(), notBefore: .zero)
        var theirs = try offer(["127.0.0.1:4000"])
        #expect(port.reply(to: theirs) == .open)
        let said = port.open(.sender) { _, _ in }
        // Both began: they have to know what we said.
        var again = said
        again.answers = theirs.identity
        #expect(port.reply(to: theirs) == .answer(again))
        port.dial(theirs)
        #expect(port.reply(to: theirs) == .none, "once")
        theirs.answers = said.identity
        #expect(port.reply(to: theirs) == .dial)
        port.met()
        #expect(port.reply(to: theirs) == .none)
        theirs.answers = nil
        #expect(port.reply(to: theirs) == .open, "they have lost what was up")
        theirs.answers = theirs.identity
        #expect(port.reply(to: theirs) == .open)
    }

    @Test func aMeetingDialsThreeOffersAtTheMost() throws {
        var port = DirectPort(DirectPolicy(), notBefore: .zero)
        _ = port.open(.sender) { _, _ in }
        for _ in 0..<5 { port.dial(try offer(["203.0.113.9:4000"])) }
        #expect(port.dialled.count == DirectPort.dialLimit)
    }

    @Test func whatIsSaidIsWhereItListens() throws {
        var port = DirectPort(DirectPolicy(), notBefore: .zero)
        #expect(port.isDue)
        let said = port.open(.sender) { _, _ in }
        #expect(said.endpoints.map(\.text) == port.rendezvous?.endpoints.map(\.description))
        #expect(!said.endpoints.isEmpty && said.endpoints.count <= ChatLimits.endpoints)
        #expect(said.endpoints.allSatisfy { IPAddress($0.address).map { $0.isLoopback || $0.isPrivate } == true })
        #expect(port.isMeeting)
        let first = port.attempt
        port.failed()
        #expect(port.rendezvous == nil && !port.isDue && port.attempt > first)
    }
}
