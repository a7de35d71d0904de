import Foundation
import Testing

@testable import Engine

/// Files that are offered or asked for again, held, or not accepted in time.
@Suite(.serialized) struct ChancesTests {
    /// An offer from alice that bob's engine has seen.
    private func offered(_ world: World, count: Int = 200_000) async throws -> (
        alice: User, bob: User, sent: Int64, offer: Int64
    ) {
        let (alice, bob) = try await world.friends()
        let sent = try alice.send(alice.write("a.bin", noise(count)), to: "bob")
        _ = try await alice.wait(.transfer(sent)) { try $0.isOfferWithRelay(sent) ? true : nil }
        let offer = try await bob.wait(.anything) { try $0.transfers(.inbox).first?.id }
        return (alice, bob, sent, offer)
    }

    /// Both do what can be done, in turns, until bob's transfer is over.
    private func settle(_ alice: User, _ bob: User, _ id: Int64) async throws -> Transfer? {
        for _ in 0..<6 {
            try await bob.resume()
            try await alice.resume()
            if try bob.profile.transfer(id: id)?.isFinished == true { break }
        }
        return try bob.profile.transfer(id: id)
    }

    // MARK: - Again

    @Test(.timeLimit(.minutes(2))) func aRecipientAsksAgain() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try bob.profile.requestDecline(offer)
            try await bob.resume()
            try await alice.resume()
            let again = try await bob.profile.requestRetry(receiving: offer, into: bob.files.path)
            #expect(again.isAsking)
            // Asked twice, it is one.
            #expect(try await bob.profile.requestRetry(receiving: offer, into: bob.files.path).id == again.id)
            let end = try await settle(alice, bob, again.id)
            #expect(end?.state == .complete)
            #expect(try Data(contentsOf: URL(fileURLWithPath: end?.path ?? "")) == Data(noise(200_000)))
            #expect(try bob.profile.transfers(.all).map(\.id) == [offer, again.id])
            try await alice.resume()
            let sending = try alice.profile.transfers(.all)
            #expect(sending.map(\.state) == [.declined, .complete])
            #expect(sending.last?.retryOf == sent)
        }
    }

    @Test(.timeLimit(.minutes(2))) func whatIsNotThereAnyMoreIsRefused() async throws {
        try await World.with { world in
            let (alice, bob, _, offer) = try await offered(world)
            try bob.profile.requestDecline(offer)
            try await bob.resume()
            try await alice.resume()
            _ = try alice.write("a.bin", noise(100, seed: 3))
            let again = try await bob.profile.requestRetry(receiving: offer, into: bob.files.path)
            let end = try await settle(alice, bob, again.id)
            #expect(end?.state == .failed)
            #expect(end?.endedBy == .peer)
            #expect(end?.reason == "the file is not there any more, or has changed")
            #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path).isEmpty)
            // The sender's own user may offer what lies there now.
            let first = try #require(try alice.profile.transfers(.all).first)
            let fresh = try #require(try alice.profile.requestRetry(sending: first.id).transfer)
            #expect(try alice.profile.transfer(id: fresh)?.size == 100)
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.transfers(.inbox).map(\.size) == [100])
        }
    }

    @Test(.timeLimit(.minutes(2))) func whatItsSenderHasWithdrawnStaysWithdrawn() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try alice.profile.requestCancel(sent)
            try await alice.resume()
            try await bob.resume()
            let again = try await bob.profile.requestRetry(receiving: offer, into: bob.files.path)
            let end = try await settle(alice, bob, again.id)
            #expect(end?.state == .cancelled)
            #expect(end?.endedBy == .peer)
            #expect(try alice.profile.transfers(.all).count == 1)
            // By the sender's word it comes again.
            let fresh = try #require(try alice.profile.requestRetry(sending: sent).transfer)
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.transfers(.inbox).count == 1)
            #expect(try alice.profile.requestRetry(sending: sent).transfer == fresh)
        }
    }

    @Test(.timeLimit(.minutes(2))) func anAnswerThatIsAnotherFileIsNoAnswer() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            try alice.profile.requestCancel(sent)
            try await alice.resume()
            try await bob.resume()
            let again = try await bob.profile.requestRetry(receiving: offer, into: bob.files.path)
            // The sender repeats it by itself, with other contents, before it hears the question.
            _ = try alice.write("a.bin", noise(300, seed: 9))
            _ = try #require(try alice.profile.requestRetry(sending: sent).transfer)
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.transfer(id: again.id)?.state == .failed)
            #expect(try bob.profile.transfers(.inbox).map(\.size) == [300])
        }
    }

    @Test func whatGoesOnOrIsCompleteIsNotTriedAgain() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world)
            #expect(throws: EngineError.wrongState(sent, .offered, "tried again")) {
                try alice.profile.requestRetry(sending: sent)
            }
            await #expect(throws: EngineError.self) { try await bob.profile.requestRetry(receiving: offer) }
        }
    }

    // MARK: - Pausing

    @Test(.timeLimit(.minutes(2))) func aSenderPauses() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world, count: 3_000_000)
            try alice.profile.requestPause([sent])
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            for _ in 0..<2 {
                try await bob.resume()
                try await alice.resume()
            }
            let held = try alice.profile.transfer(id: sent)
            #expect(held?.waiting == .paused)
            #expect(held?.transferred == 0)
            #expect(held?.state.isEnded == false)
            #expect(try alice.profile.unfinishedCount() == 0)
            #expect(try bob.profile.transfer(id: offer)?.transferred == 0)
            try alice.profile.requestUnpause([sent])
            #expect(try await settle(alice, bob, offer)?.state == .complete)
        }
    }

    @Test(.timeLimit(.minutes(2))) func aRecipientPauses() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world, count: 3_000_000)
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            try bob.profile.requestPause([offer])
            for _ in 0..<2 {
                try await bob.resume()
                try await alice.resume()
            }
            try await bob.resume()
            let held = try bob.profile.transfer(id: offer)
            #expect(held?.waiting == .paused)
            #expect(held?.transferred == 0)
            #expect(try alice.profile.transfer(id: sent)?.state == .sent)
            try bob.profile.requestUnpause([offer])
            #expect(try await settle(alice, bob, offer)?.state == .complete)
            #expect(throws: EngineError.wrongState(offer, .complete, "paused")) {
                try bob.profile.requestPause([offer])
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func pausedInTheMiddleWhileBothWork() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world, count: 120_000_000)
            async let sending = alice.reaches(.complete, sent)
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            let paused: UInt64 = try await bob.wait(.transfer(offer)) { profile in
                guard let row = try profile.transfer(id: offer) else { return nil }
                if row.state == .active, !row.isPaused { try profile.requestPause([offer]) }
                return row.waiting == .paused && row.bytesPerSecond == nil ? row.transferred : nil
            }
            // A whole run moves nothing of it.
            try await bob.resume()
            let held = try #require(try bob.profile.transfer(id: offer))
            #expect(held.waiting == .paused)
            #expect(held.transferred < 120_000_000 && paused <= held.transferred)
            let before = held.transferred
            try await bob.resume()
            #expect(try bob.profile.transfer(id: offer)?.transferred == before)
            try bob.profile.requestUnpause([offer])
            let end = try await bob.reaches(.complete, offer)
            #expect(end.state == .complete)
            try await bob.resume()
            #expect(try await sending.state == .complete)
        }
    }

    // MARK: - Expiry

    @Test(.timeLimit(.minutes(2))) func anOfferThatNobodyAcceptedIsWithdrawn() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            var request = SendRequest(contact: "bob")
            request.path = try alice.write("a.bin", noise(1000))
            request.expires = .seconds(3)
            let sent = try #require(try alice.profile.requestSend(request).transfer)
            _ = try await alice.wait(.transfer(sent)) { try $0.isOfferWithRelay(sent) ? true : nil }
            let offer = try await bob.wait(.anything) { try $0.transfers(.all).first }
            #expect(offer.expiresAt != nil)
            let end = try await alice.reaches(.cancelled, sent)
            #expect(end.state == .cancelled)
            #expect(end.endedBy == .me)
            // The recipient's clock is enough: the inbox is empty, and nothing can be accepted.
            #expect(try bob.profile.transfers(.inbox).isEmpty)
            await #expect(throws: EngineError.self) { try await bob.profile.requestAccept(offer.id) }
            try await bob.resume()
            #expect(try bob.profile.transfer(id: offer.id)?.state == .cancelled)
            #expect(try bob.profile.transfer(id: offer.id)?.endedBy == .peer)
        }
    }

    // MARK: - Policy

    @Test(.timeLimit(.minutes(2))) func aPolicyAccepts() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            try bob.profile.setPolicy("alice") { policy in
                policy.isAlways = true
                policy.limit = 5000
                policy.directory = bob.files.path
            }
            let small = try alice.send(alice.write("small.bin", noise(5000)), to: "bob")
            _ = try alice.send(alice.write("large.bin", noise(5001)), to: "bob")
            for _ in 0..<3 {
                try await alice.resume()
                try await bob.resume()
            }
            try await alice.resume()
            #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path) == ["small.bin"])
            #expect(try alice.profile.transfer(id: small)?.state == .complete)
            #expect(try bob.profile.transfers(.inbox).map(\.name) == ["large.bin"])
            #expect(throws: EngineError.self) {
                try bob.profile.setPolicy("alice") { $0.directory = bob.files.path + "/nowhere" }
            }
            #expect(try bob.profile.contact(named: "alice").policy.directory == bob.files.path)
        }
    }

    // MARK: - Digest

    @Test(.timeLimit(.minutes(1))) func theDigestIsOfWhatLiesThere() async throws {
        try await World.with { world in
            let (alice, bob, sent, offer) = try await offered(world, count: 300_000)
            try await bob.profile.requestAccept(offer, into: bob.files.path)
            _ = try await settle(alice, bob, offer)
            try await alice.resume()
            let left = try #require(try alice.profile.transfer(id: sent))
            let right = try #require(try bob.profile.transfer(id: offer))
            let hash = try #require(try alice.profile.digest(of: left))
            #expect(hash.count == 64)
            #expect(try bob.profile.digest(of: right) == hash)
            // The second time it is known, and nothing is read.
            let known = try #require(try alice.profile.transfer(id: sent))
            var isRead = false
            #expect(try alice.profile.digest(of: known) { _ in isRead = true } == hash)
            #expect(!isRead)
            _ = try alice.write("a.bin", noise(300_000, seed: 4))
            #expect(try alice.profile.digest(of: known) == nil)
        }
    }
}
