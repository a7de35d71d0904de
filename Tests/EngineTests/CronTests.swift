import Foundation
import Testing

@testable import Engine

/// Two sides that are never on line together, and what travels inside messages.
@Suite(.serialized) struct CronTests {
    @Test(.timeLimit(.minutes(1))) func alternatingRuns() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            let bytes = noise(600_000)
            let sent = try alice.send(alice.write("a b.iso", bytes), to: "bob")
            try await alice.resume()
            try await bob.resume()
            let offer = try #require(try bob.profile.transfers(.inbox).first)
            try await bob.profile.requestAccept(offer.id, into: bob.files.path)
            try await bob.resume()
            try await alice.resume()
            #expect(try alice.profile.transfer(id: sent)?.state == .sent)
            #expect(try alice.profile.transfer(id: sent)?.waiting == .peer)
            try await bob.resume()
            let received = try bob.profile.transfer(id: offer.id)
            #expect(received?.state == .complete)
            #expect(try Data(contentsOf: URL(fileURLWithPath: received?.path ?? "")) == Data(bytes))
            try await alice.resume()
            #expect(try alice.profile.transfer(id: sent)?.state == .complete)
            #expect(try alice.profile.unfinishedCount() == 0)
            #expect(try bob.profile.unfinishedCount() == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func emptyFile() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            let sent = try alice.send(alice.write("empty", []), to: "bob")
            try await alice.resume()
            try await bob.resume()
            let offer = try #require(try bob.profile.transfers(.inbox).first)
            try await bob.profile.requestAccept(offer.id, into: bob.files.path)
            try await bob.resume()
            try await alice.resume()
            try await bob.resume()
            try await alice.resume()
            #expect(try alice.profile.transfer(id: sent)?.state == .complete)
            let path = try bob.profile.transfer(id: offer.id)?.path
            #expect(try Data(contentsOf: URL(fileURLWithPath: path ?? "")).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func textAndInlineFile() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            var request = SendRequest(contact: "bob")
            request.text = "hello, bob"
            let message = try #require(try alice.profile.requestSend(request).message)
            let bytes = noise(40_000)
            let sent = try alice.send(alice.write("note.txt", bytes), to: "bob", text: "with a file")
            #expect(try alice.profile.transfer(id: sent)?.isInline == true)
            try await alice.resume()
            #expect(try alice.profile.isWithRelay(message: message))
            #expect(try alice.profile.transfer(id: sent)?.state == .sent)
            try await bob.resume()
            #expect(try bob.profile.newMessages().map(\.text) == ["hello, bob", "with a file"])
            let inbox = try bob.profile.transfers(.inbox)
            #expect(inbox.map(\.state) == [.complete])
            let id = try #require(inbox.first?.id)
            let moved = try await bob.profile.requestAccept(id, into: bob.files.path)
            #expect(try Data(contentsOf: URL(fileURLWithPath: moved.path ?? "")) == Data(bytes))
            #expect(try bob.profile.transfers(.inbox).isEmpty)
            try await alice.resume()
            #expect(try alice.profile.transfer(id: sent)?.state == .complete)
        }
    }

    @Test(.timeLimit(.minutes(1))) func inlineFileOverTheLimit() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            try bob.profile.set(.inlineLimit, "10000")
            let sent = try alice.send(alice.write("note.txt", noise(40_000)), to: "bob", isInline: true)
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.transfers(.inbox).isEmpty)
            #expect(try bob.profile.transfers(.all).map(\.state) == [.declined])
            try await alice.resume()
            let end = try alice.profile.transfer(id: sent)
            #expect(end?.state == .declined)
            #expect(end?.endedBy == .peer)
        }
    }

    @Test(.timeLimit(.minutes(1))) func wishesWhileAnotherEngineRuns() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            let daemon = Task { try await alice.host.run(.daemon(nil)) }
            let other = Task {
                try await bob.host.run(.daemon(AutoAccept(contacts: ["alice"], output: bob.files.path)))
            }
            let path = try alice.write("x", noise(3000))
            // Ten commands at once, none of them the engine.
            try await withThrowingTaskGroup(of: TransferState.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        try await alice.reaches(.complete, try alice.send(path, to: "bob")).state
                    }
                }
                for try await state in group { #expect(state == .complete) }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: bob.files.path).count == 10)
            for task in [daemon, other] {
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
            #expect(!alice.host.isEngineRunning)
        }
    }
}
