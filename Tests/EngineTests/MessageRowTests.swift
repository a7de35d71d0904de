import Foundation
import GRDB
import SystemPackage
import Testing

@testable import Engine

/// What becomes of a message by what comes after it, before it, or instead of it: rows alone, without a relay.
@Suite struct MessageRowTests {
    /// A profile with one connected contact.
    private struct Desk {
        let profile: Profile
        let contact: Contact

        static func with(_ body: (Desk) throws -> Void) throws {
            let directory = try temporaryDirectory()
            defer { try? FileManager.default.removeItem(at: directory) }
            let profile = try Profile(directory: FilePath(directory.path))
            try profile.set(.relay, "smp://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=@127.0.0.1:1")
            var contact = try profile.requestInvite(as: "bob")
            contact.state = .connected
            try profile.write { db in try contact.update(db) }
            try body(Desk(profile: profile, contact: contact))
        }

        /// As if the contact had sent these bytes.
        func receive(_ text: String, limit: UInt64 = 100_000) throws {
            try profile.write { db in
                switch Incoming(Array(text.utf8)) {
                case .message(let ref, let message):
                    _ = try Engine.takeMessage(db, ref: ref, message, from: contact, limit: limit)
                case .evaluate(let ref, let message):
                    _ = try Engine.takeMessage(db, kind: .eval, ref: ref, message, from: contact, limit: limit)
                case .update(let reference, let message):
                    _ = try Engine.takeUpdate(db, of: reference, message, from: contact, limit: limit)
                case .delete(let reference): _ = try Engine.takeDeletion(db, of: reference, from: contact)
                case let other: Issue.record("\(other)")
                }
            }
        }

        var messages: [TextMessage] {
            get throws {
                try profile.conversation(with: "bob").compactMap { entry in
                    if case .message(let message) = entry { message } else { nil }
                }
            }
        }

        func send(_ text: String) throws -> Int64 {
            var request = SendRequest(contact: "bob")
            request.text = text
            return try #require(try profile.requestSend(request).message)
        }

        /// As if the engine had stored what waits for sending.
        func store(_ id: Int64, ref: Int64, revision: Int64) throws {
            try profile.write { db in
                try TextMessage.setStored(db, id: id, ref: ref, agentMessage: ref, revision: revision)
            }
        }
    }

    @Test func updatedAndDeleted() throws {
        try Desk.with { desk in
            try desk.receive("3 x.msg.new c.text x.text:5 hello ")
            try desk.profile.markRead([try #require(desk.messages.first).id])
            try desk.receive("8 x.msg.update 3 x.text:11,x.dag:16 hello there \(String(repeating: "d", count: 16)) ")
            let edited = try #require(try desk.messages.first)
            #expect(edited.text == "hello there")
            #expect(edited.editedAt != nil)
            // There is something new to read.
            #expect(edited.state == .new)
            try desk.profile.markRead([edited.id])
            try desk.receive("9 x.msg.delete 3")
            let deleted = try #require(try desk.messages.first)
            #expect(deleted.text.isEmpty)
            #expect(deleted.deletedAt != nil)
            #expect(deleted.state == .read)
            // What is deleted stays deleted.
            try desk.receive("10 x.msg.update 3 x.text:4 back")
            #expect(try desk.messages == [deleted])
        }
    }

    @Test func anEditBeforeItsMessageCounts() throws {
        try Desk.with { desk in
            try desk.receive("8 x.msg.update 3 x.text:3 new")
            #expect(try desk.messages.map(\.text) == ["new"])
            try desk.receive("3 x.msg.new c.text x.text:3 old")
            #expect(try desk.messages.map(\.text) == ["new"])
            try desk.receive("9 x.msg.update 3 x.text:5 newer")
            #expect(try desk.messages.map(\.text) == ["newer"])
        }
    }

    @Test func aDeletionBeforeItsMessageCounts() throws {
        try Desk.with { desk in
            try desk.receive("9 x.msg.delete 3")
            try desk.receive("3 x.msg.new c.file i.image/png:4,x.text:3 abcd old")
            let message = try #require(try desk.messages.first)
            #expect(message.deletedAt != nil)
            #expect(message.text.isEmpty)
            #expect(try desk.profile.transfers(.all).isEmpty)
            #expect(try desk.profile.newMessages().isEmpty)
        }
    }

    /// Numbers of the two sides are rows of their own.
    @Test func ofAnothersMessage() throws {
        try Desk.with { desk in
            let mine = try desk.send("mine")
            try desk.store(mine, ref: 3, revision: 0)
            try desk.receive("1 x.msg.update 3 x.text:5 yours")
            try desk.receive("2 x.msg.delete 3")
            let kept = try #require(try desk.profile.message(id: mine))
            #expect(kept.text == "mine")
            #expect(kept.deletedAt == nil)
        }
    }

    @Test func partsAreFilesInTheInbox() throws {
        try Desk.with { desk in
            try desk.receive("4 x.msg.new c.image i.image/jpg:4,x.text:4 \u{1}bcd look")
            #expect(try desk.messages.map(\.text) == ["look"])
            let picture = try #require(try desk.profile.transfers(.inbox).first)
            #expect(picture.name == "file.jpg")
            #expect(picture.transferred == 4)
            let bytes = try desk.profile.read { db in try InlineContent.whole(db, transfer: picture.id) }
            #expect(bytes == Array("\u{1}bcd".utf8))
            try desk.receive("5 x.msg.delete 4")
            #expect(try desk.profile.transfers(.inbox).isEmpty)
            #expect(try desk.profile.transfer(id: picture.id)?.state == .cancelled)
        }
    }

    @Test func partsOverTheLimitAreNotKept() throws {
        try Desk.with { desk in
            try desk.receive("4 x.msg.new c.image i.image/jpg:4 abcd", limit: 3)
            let picture = try #require(try desk.profile.transfers(.all).first)
            #expect(picture.state == .failed)
            #expect(try desk.profile.read { db in try InlineContent.whole(db, transfer: picture.id) }.isEmpty)
        }
    }

    @Test func anEmptyMessageIsNotLost() throws {
        try Desk.with { desk in
            try desk.receive("4 x.msg.new c.text ")
            #expect(try desk.messages.map(\.text) == [""])
        }
    }

    @Test func inputForAProgramIsText() throws {
        try Desk.with { desk in
            try desk.receive(#"11 x.msg.eval 8 c.json:9 {"a":"b"}"#)
            let message = try #require(try desk.messages.first)
            #expect(message.kind == .eval)
            #expect(message.text == #"{"a":"b"}"#)
        }
    }

    @Test func ownEdits() throws {
        try Desk.with { desk in
            let id = try desk.send("one")
            // Not sent yet: nobody hears of it.
            try desk.profile.requestEdit(id, text: "two")
            #expect(try desk.profile.message(id: id)?.editedAt == nil)
            // The engine stored what it had read before the edit: the edit is still to be sent.
            try desk.store(id, ref: 5, revision: 0)
            var message = try #require(try desk.profile.message(id: id))
            #expect(message.state == .queued)
            #expect(message.editedAt != nil)
            #expect(!message.isWithRelay)
            try desk.store(id, ref: 5, revision: message.revision)
            #expect(try desk.profile.isWithRelay(message: id))
            // The same text again is no change.
            try desk.profile.requestEdit(id, text: "two")
            #expect(try desk.profile.isWithRelay(message: id))
            try desk.profile.requestDelete(id)
            try desk.profile.requestDelete(id)
            message = try #require(try desk.profile.message(id: id))
            #expect(message.text.isEmpty)
            #expect(message.revision == 2)
            #expect(throws: EngineError.messageDeleted(id)) { try desk.profile.requestEdit(id, text: "three") }
        }
    }

    @Test func wrongIds() throws {
        try Desk.with { desk in
            try desk.receive("3 x.msg.new c.text x.text:5 hello ")
            let theirs = try #require(try desk.messages.first).id
            let only = EngineError.usage("message \(theirs) is from bob: you can edit your own only")
            #expect(throws: only) { try desk.profile.requestEdit(theirs, text: "x") }
            #expect(throws: EngineError.noSuchMessage(99)) { try desk.profile.requestDelete(99) }
            try desk.receive("4 x.msg.new c.image i.image/jpg:4 abcd")
            let file = try #require(try desk.profile.transfers(.all).first).id
            let cancel = EngineError.usage("\(file) is a file, not a text: `sxfile cancel \(file)` ends it")
            #expect(throws: cancel) { try desk.profile.requestDelete(file) }
            #expect(throws: EngineError.self) { try desk.profile.requestEdit(theirs, text: "") }
        }
    }

    @Test func aRemovedContactLeavesNothingToSend() throws {
        try Desk.with { desk in
            let sent = try desk.send("one")
            try desk.store(sent, ref: 1, revision: 0)
            try desk.profile.requestEdit(sent, text: "two")
            let unsent = try desk.send("three")
            try desk.profile.removeContact("bob")
            #expect(try desk.profile.message(id: unsent) == nil)
            #expect(try desk.profile.message(id: sent)?.text == "two")
            #expect(try desk.profile.unfinishedCount() == 0)
            // Here it can still be deleted; nobody is told.
            try desk.profile.requestDelete(sent)
            #expect(try desk.profile.message(id: sent)?.state == .stored)
        }
    }

    @Test func gaps() throws {
        try Desk.with { desk in
            try desk.profile.write { db in
                try TextMessage.insertGap(db, contact: desk.contact.id, 4...6, now: 1)
                try db.execute(sql: "UPDATE connections SET missing = '1-2,5-9'")
            }
            #expect(try desk.messages.map(\.missing) == [2])
            // All that was missing came late.
            try desk.profile.write { db in try db.execute(sql: "UPDATE connections SET missing = '9-9'") }
            #expect(try desk.messages.isEmpty)
        }
    }

    @Test func since() throws {
        try Desk.with { desk in
            try desk.receive("3 x.msg.new c.text x.text:3 old")
            try desk.profile.write { db in try db.execute(sql: "UPDATE messages SET createdAt = createdAt - 7200") }
            #expect(try desk.profile.conversation(with: "bob", since: .seconds(3600)).isEmpty)
            try desk.receive("4 x.msg.update 3 x.text:3 new")
            #expect(try desk.profile.conversation(with: "bob", since: .seconds(3600)).count == 1)
            #expect(throws: EngineError.noSuchContact("carol")) { try desk.profile.conversation(with: "carol") }
        }
    }
}
