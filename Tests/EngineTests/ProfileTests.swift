import Database
import Foundation
import Logging
import NIOCore
import NIOPosix
import SystemPackage
import Testing

@testable import Engine

/// The profile, its wishes, its lock and its socket; no engine runs.
@Suite struct ProfileTests {
    private func withProfile(_ body: (Profile, URL) async throws -> Void) async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        try await body(Profile(directory: FilePath(directory.appendingPathComponent("p").path)), directory)
    }

    private static let relay = "smp://LcJUMfVhwD8yxjAiSaDzzGF3-kLG4Uh0Fl_ZIjrRwjI=@localhost:5223"

    @Test func directories() throws {
        func resolve(_ name: String?, _ environment: [String: String]) throws -> String {
            try ProfileDirectory.resolve(name: name, environment: environment).string
        }
        #expect(try resolve(nil, ["HOME": "/h"]) == "/h/.local/share/sxfile/default")
        #expect(try resolve("w", ["HOME": "/h", "XDG_DATA_HOME": "/d"]) == "/d/sxfile/w")
        #expect(
            try resolve(nil, ["HOME": "/h", "XDG_DATA_HOME": "d", "SXFILE_PROFILE": "x"]) == "/h/.local/share/sxfile/x")
        #expect(try resolve(nil, ["HOME": "/h", "SXFILE_HOME": "/s"]) == "/s")
        #expect(try resolve("w", ["SXFILE_HOME": "/s"]) == "/s/w")
        for name in ["", "..", "a/b", ".a", String(repeating: "a", count: 65)] {
            #expect(throws: EngineError.self) { try resolve(name, ["HOME": "/h"]) }
        }
    }

    @Test func permissions() async throws {
        try await withProfile { profile, _ in
            let path = profile.directory.string
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
            let file = try FileManager.default.attributesOfItem(atPath: path + "/sxfile.db")
            #expect(file[.posixPermissions] as? Int == 0o600)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            #expect(throws: EngineError.self) { try Profile(directory: profile.directory) }
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path + "/sxfile.db")
            #expect(throws: EngineError.self) { try Profile(directory: profile.directory) }
        }
    }

    /// Reading a copy harms nothing; running its engine would.
    @Test func aCopiedProfile() async throws {
        try await withProfile { profile, directory in
            try profile.checkIdentity()
            try profile.checkIdentity()
            try profile.database.truncateLog()
            let copy = directory.appendingPathComponent("copy").path
            try FileManager.default.createDirectory(
                atPath: copy, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            try FileManager.default.copyItem(
                atPath: profile.directory.string + "/sxfile.db", toPath: copy + "/sxfile.db")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: copy + "/sxfile.db")
            let copied = try Profile(directory: FilePath(copy))
            #expect(try copied.contacts().isEmpty)
            #expect(throws: EngineError.database(.copied(path: copy + "/sxfile.db"))) { try copied.checkIdentity() }
            try copied.adoptIdentity()
            try copied.checkIdentity()
        }
    }

    @Test func settings() async throws {
        try await withProfile { profile, _ in
            #expect(try profile.setting(.inlineLimit) == "1048576")
            #expect(throws: EngineError.self) { try profile.set(.inlineLimit, "lots") }
            #expect(throws: EngineError.badAddress("nonsense")) { try profile.set(.relay, "nonsense") }
            try profile.set(.relay, Self.relay)
            #expect(try profile.relays().count == 1)
            try profile.set(.relay, nil)
            #expect(try profile.relays().isEmpty)
            let other = try Profile(directory: profile.directory, environment: ["SXFILE_RELAY": Self.relay])
            #expect(try other.relays().count == 1)
        }
        #expect(Profile.addresses(in: "smp://a@h1,h2:5,smp://b@h3") == ["smp://a@h1,h2:5", "smp://b@h3"])
    }

    @Test func names() {
        #expect(ContactName.made(from: "Älice  B.") == "Älice-B.")
        #expect(
            ContactName.made(from: "\u{1b}[31m#-") == "31m-"
                || ContactName.isValid(ContactName.made(from: "\u{1b}[31m#-")))
        #expect(ContactName.made(from: "###") == "contact")
        #expect(ContactName.made(from: nil) == "contact")
        #expect(!ContactName.isValid("#group"))
        #expect(!ContactName.isValid("-o"))
        #expect(!ContactName.isValid("a b"))
        #expect(!ContactName.isValid("a\u{202E}b"))
        #expect(!ContactName.isValid(""))
    }

    @Test func wishesForContacts() async throws {
        try await withProfile { profile, _ in
            #expect(throws: EngineError.noRelay) { try profile.requestInvite() }
            try profile.set(.relay, Self.relay)
            #expect(try profile.requestInvite(as: "bob").name == "bob")
            #expect(throws: EngineError.nameTaken("bob")) { try profile.requestInvite(as: "bob") }
            #expect(try profile.requestInvite().name == "contact")
            #expect(try profile.requestInvite().name == "contact_1")
            #expect(throws: EngineError.self) { try profile.requestConnect(link: "simplex:/nonsense") }
            try profile.rename(contact: "contact_1", to: "carol")
            #expect(throws: EngineError.nameTaken("bob")) { try profile.rename(contact: "carol", to: "bob") }
            try profile.removeContact("bob")
            #expect(throws: EngineError.noSuchContact("bob")) { try profile.contact(named: "bob") }
            #expect(try profile.requestInvite(as: "bob").state == .invited)
            #expect(try profile.contacts().map(\.name) == ["bob", "carol", "contact"])
        }
    }

    @Test func wishesToSend() async throws {
        try await withProfile { profile, directory in
            try profile.set(.relay, Self.relay)
            _ = try profile.requestInvite(as: "bob")
            var request = SendRequest(contact: "bob")
            #expect(throws: EngineError.self) { try profile.requestSend(request) }
            request.path = directory.appendingPathComponent("none").path
            #expect(throws: EngineError.noSuchFile(request.path ?? "")) { try profile.requestSend(request) }
            request.path = directory.path
            #expect(throws: EngineError.notRegular(directory.path)) { try profile.requestSend(request) }
            let file = directory.appendingPathComponent("f").path
            try Data(noise(100)).write(to: URL(fileURLWithPath: file))
            request.path = file
            request.contact = "carol"
            #expect(throws: EngineError.noSuchContact("carol")) { try profile.requestSend(request) }
            request.contact = "bob"
            let id = try #require(try profile.requestSend(request).transfer)
            let transfer = try #require(try profile.transfer(id: id))
            #expect(transfer.state == .offered)
            #expect(transfer.path == file)
            #expect(transfer.size == 100)
            #expect(transfer.waiting == .peer)
            request.text = "hello"
            let receipt = try profile.requestSend(request)
            #expect(receipt.message == nil)
            #expect(try profile.transfer(id: receipt.transfer ?? 0)?.isInline == true)
            request.path = nil
            let text = try #require(try profile.requestSend(request).message)
            #expect(Set([id, receipt.transfer, text]).count == 3)
            #expect(try profile.unfinishedCount() == 4)
            // Never offered: nobody to tell, also when repeated.
            try profile.requestCancel(id)
            try profile.requestCancel(id)
            #expect(try profile.transfer(id: id)?.state == .cancelled)
            #expect(try profile.transfer(id: id)?.connection == nil)
            #expect(throws: EngineError.noSuchTransfer(99)) { try profile.requestCancel(99) }
            #expect(throws: EngineError.self) { try profile.requestDecline(id) }
            await #expect(throws: EngineError.self) { try await profile.requestAccept(id) }
        }
    }

    @Test func theLock() async throws {
        try await withProfile { profile, _ in
            #expect(!EngineLock.isHeld(profile.lockPath))
            let lock = try EngineLock.take(profile.lockPath)
            let isTaken = lock != nil
            #expect(isTaken)
            #expect(EngineLock.isHeld(profile.lockPath))
            let second = try EngineLock.take(profile.lockPath)
            let isRefused = second == nil
            #expect(isRefused)
            drop(lock)
            #expect(!EngineLock.isHeld(profile.lockPath))
        }
    }

    private func drop(_ lock: consuming EngineLock?) { _ = consume lock }

    @Test func linesOfTheSocket() {
        let event = ProgressEvent(transfer: 3, state: .active, transferred: 5, size: nil, waiting: .relayFull)
        let lines: [EngineLine] = [
            .wake, .watch, .changed, .leaving, .up(server: "smp://a"), .progress(event),
            .down(server: "smp://a", .relay, "it does not answer"),
        ]
        for line in lines { #expect(EngineLine(line.text) == line) }
        #expect(EngineLine.down(server: "s", .relay, "a\nb").text == "down s relay a b")
        for text in ["", "wake up", "progress 1", "progress x active 1 - - - -", "down a b c", "other"] {
            #expect(EngineLine(text) == nil)
        }
    }

    /// Also in a directory whose path is longer than a socket's may be.
    @Test(arguments: [1, 120]) func theSocket(count: Int) async throws {
        try await withProfile { profile, directory in
            let group = MultiThreadedEventLoopGroup.singleton
            let deep = directory.appendingPathComponent(String(repeating: "d", count: count))
            try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
            let path = FilePath(deep.path).appending("engine.sock")
            let (heard, continuation) = AsyncStream.makeStream(of: EngineLine.self)
            let socket = try await EngineSocket.listen(
                at: path, group: group, greeting: { [.up(server: "hello")] }, lines: { continuation.yield($0) })
            let client = try await EngineSocketClient.connect(to: path, group: group)
            var commands = heard.makeAsyncIterator()
            #expect(await commands.next() == .watch)
            #expect(await commands.next() == .wake)
            var lines = client.lines.makeAsyncIterator()
            #expect(await lines.next() == .up(server: "hello"))
            socket.tell(.changed)
            #expect(await lines.next() == .changed)
            await socket.close()
            #expect(await lines.next() == .leaving)
            #expect(await lines.next() == nil)
            await client.close()
        }
    }

    @Test func relayNames() {
        #expect(RelayName("smp://abc=@h:1") == RelayName("smp://abc:pass@other"))
        #expect(RelayName("smp://abc@h") != RelayName("smp://abd@h"))
    }
}
