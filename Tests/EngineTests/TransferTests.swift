import Foundation
import Testing

@testable import Engine

/// Two engines, a real relay, real sockets, databases and files.
@Suite(.serialized) struct TransferTests {
    @Test(.timeLimit(.minutes(1))) func namesOfContacts() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            #expect(try alice.profile.contacts().map(\.name) == ["bob"])
            // Named by what the peer calls itself.
            #expect(try bob.profile.contacts().map(\.name) == ["alice"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func oneFileBothOnLine() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            let bytes = noise(700_000)
            let id = try alice.send(alice.write("photo.jpg", bytes), to: "bob")
            async let sent = alice.reaches(.complete, id)
            let offer = try await bob.wait(.anything) { try $0.transfers(.inbox).first }
            #expect(offer.name == "photo.jpg")
            #expect(offer.size == 700_000)
            try await bob.profile.requestAccept(offer.id, into: bob.files.path)
            let received = try await bob.wait(.transfer(offer.id)) { profile in
                try profile.isConfirmationWithRelay(offer.id) ? try profile.transfer(id: offer.id) : nil
            }
            #expect(received.state == .complete)
            #expect(try Data(contentsOf: URL(fileURLWithPath: received.path ?? "")) == Data(bytes))
            let complete = try await sent
            #expect(complete.state == .complete)
            #expect(complete.transferred == 700_000)
            try await alice.resume()
            try await bob.resume()
            // The file connections are gone, here and at the relay.
            #expect(try alice.profile.transfer(id: id)?.connection == nil)
            #expect(try bob.profile.transfer(id: offer.id)?.connection == nil)
        }
    }
}
