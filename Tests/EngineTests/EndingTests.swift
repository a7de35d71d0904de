import Foundation
import Testing

@testable import Engine

/// Cancelling and declining, on line and off line, by either side, in every state.
@Suite(.serialized) struct EndingTests {
    /// An offer of `count` bytes from alice that bob's engine has seen.
    private func offered(_ world: World, count: Int = 200_000) async throws -> (
        alice: User, bob: User, sent: Int64, offer: Int64
    ) {
        let (alice, bob) = try await world.friends()
        let sent = try alice.send(alice.write("a.bin", noise(count)), to: "bob")
        _ = try await alice.wait(.transfer(sent)) { try $0.isOfferWithRelay(sent) ? true : nil }
        let offer = try await bob.wait(.anything) { try $0.transfers(.inbox).first?.id }
        return (alice, bob, sent, offer)
    }

    @Test(.timeLimit(.minutes(1))) func declined() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try bob.profile.requestDecline(offer, reason: "no, thanks")
            try bob.profile.requestDecline(offer)
            try await bob.resume()
            let end = try await alice.reaches(.declined, sent)
            #expect(end.state == .declined)
            #expect(end.endedBy == .peer)
            #expect(end.reason == "no, thanks")
            #expect(try bob.profile.transfer(id: offer)?.state == .declined)
            #expect(try bob.profile.transfer(id: offer)?.isUntold == false)
            try await alice.resume()
            #expect(try alice.profile.transfer(id: sent)?.connection == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func senderCancelsAnOffer() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try alice.profile.requestCancel(sent)
            try await alice.resume()
            try await bob.resume()
            let end = try bob.profile.transfer(id: offer)
            #expect(end?.state == .cancelled)
            #expect(end?.endedBy == .peer)
            #expect(try bob.profile.transfers(.inbox).isEmpty)
            await #expect(throws: EngineError.self) { try await bob.profile.requestAccept(offer) }
            #expect(try alice.profile.transfer(id: sent)?.connection == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func recipientCancelsAnAcceptanceThatNobodySaw() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            let accepted = try await bob.profile.requestAccept(offer, into: bob.files.path)
            _ = try await bob.wait(.transfer(offer)) { try $0.isAcceptanceWithRelay(offer) ? true : nil }
            #expect(FileManager.default.fileExists(atPath: accepted.path ?? ""))
            try bob.profile.requestCancel(offer)
            try await bob.resume()
            #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path).isEmpty)
            try await alice.resume()
            let end = try alice.profile.transfer(id: sent)
            #expect(end?.state == .cancelled || end?.state == .declined)
            #expect(end?.endedBy == .peer)
        }
    }

    @Test(.timeLimit(.minutes(1))) func senderCancelsWhatIsWithTheRelay() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            _ = try await bob.wait(.transfer(offer)) { try $0.isAcceptanceWithRelay(offer) ? true : nil }
            let state = try await alice.reaches(.sent, sent).state
            #expect(state == .sent)
            try alice.profile.requestCancel(sent)
            try await alice.resume()
            try await bob.resume()
            try await alice.resume()
            // Everything came before the word of the cancel: complete wins on both sides, or the cancel does.
            let (left, right) = (try alice.profile.transfer(id: sent), try bob.profile.transfer(id: offer))
            #expect(right?.state == .complete || right?.state == .cancelled)
            if right?.state == .cancelled {
                #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path).isEmpty)
            }
            #expect(left?.state.isEnded == true)
        }
    }

    @Test(.timeLimit(.minutes(1))) func cancelledBeforeAnythingLeft() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            let sent = try alice.send(alice.write("a.bin", noise(1000)), to: "bob")
            try alice.profile.requestCancel(sent)
            #expect(try alice.profile.transfer(id: sent)?.isUntold == false)
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.transfers(.all).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func sourceThatChanged() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            _ = try alice.write("a.bin", noise(150_000, seed: 2))
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            try await bob.resume()
            let end = try await alice.reaches(.complete, sent)
            #expect(end.state == .failed)
            #expect(end.failure == .failed)
            #expect(end.endedBy == .me)
            try await alice.resume()
            let other = try await bob.reaches(.complete, offer)
            #expect(other.state == .failed)
            #expect(other.endedBy == .peer)
            try await bob.resume()
            #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path).isEmpty)
        }
    }
}
