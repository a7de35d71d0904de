import Foundation
import Logging
import NIOCore
import NIOPosix
import SMPRelay
import SystemPackage
import Testing

@testable import Engine

/// A temporary directory with a real relay and any number of profiles.
final class World: Sendable {
    let directory: URL
    let group: MultiThreadedEventLoopGroup
    let relay: Relay

    static func with(_ body: (World) async throws -> Void) async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var logger = Logger(label: "relay")
        logger.logLevel = .critical
        let data = directory.appendingPathComponent("relay").path
        let relay = try await Relay.start(
            RelayConfiguration(directory: data, host: "127.0.0.1", port: 0), group: group, logger: logger)
        try await body(World(directory: directory, group: group, relay: relay))
        await relay.shutdown()
        try await group.shutdownGracefully()
    }

    private init(directory: URL, group: MultiThreadedEventLoopGroup, relay: Relay) {
        self.directory = directory
        self.group = group
        self.relay = relay
    }

    func user(_ name: String) throws -> User {
        let profile = try Profile(directory: FilePath(directory.appendingPathComponent(name).path))
        try profile.set(.relay, relay.address)
        try profile.set(.name, name)
        var logger = Logger(label: name)
        logger.logLevel = ProcessInfo.processInfo.environment["SXFILE_TEST_LOG"] == nil ? .critical : .trace
        let downloads = directory.appendingPathComponent("\(name)-files")
        try FileManager.default.createDirectory(at: downloads, withIntermediateDirectories: true)
        return User(
            profile: profile, host: EngineHost(profile: profile, group: group, logger: logger), files: downloads)
    }

    /// Two users that know each other: both engines ran one after the other.
    func friends() async throws -> (alice: User, bob: User) {
        let (alice, bob) = (try user("alice"), try user("bob"))
        let invited = try alice.profile.requestInvite(as: "bob")
        let link = try await alice.wait(.contact(invited.id)) { try $0.invitationLink(contact: invited.id) }
        let joined = try bob.profile.requestConnect(link: link)
        async let connected: Void = alice.connected(invited.id)
        try await bob.connected(joined.id)
        try await connected
        return (alice, bob)
    }
}

func temporaryDirectory() throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-engine-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return directory
}

/// One profile and what its user does.
struct User: Sendable {
    let profile: Profile
    let host: EngineHost
    let files: URL

    func wait<Outcome: Sendable>(
        _ subject: WishSubject, _ condition: @escaping @Sendable (Profile) throws -> Outcome?
    ) async throws -> Outcome {
        guard case .fulfilled(let outcome) = try await host.run(.wish(subject), timeout: .seconds(50), until: condition)
        else { throw EngineError.system("the wait ended without an outcome") }
        return outcome
    }

    func connected(_ contact: Int64) async throws {
        _ = try await wait(.contact(contact)) { try $0.contact(id: contact)?.state == .connected ? true : nil }
    }

    func reaches(_ state: TransferState, _ id: Int64) async throws -> Transfer {
        try await wait(.transfer(id)) { profile in
            let transfer = try profile.transfer(id: id)
            return transfer?.state == state || transfer?.state.isEnded == true ? transfer : nil
        }
    }

    /// Everything that can be done now.
    func resume() async throws { _ = try await host.run(.resume(wait: nil), timeout: .seconds(30)) }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = files.appendingPathComponent(name).path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    func send(_ path: String, to contact: String, text: String? = nil, isInline: Bool? = nil) throws -> Int64 {
        var request = SendRequest(contact: contact)
        request.path = path
        request.text = text
        request.isInline = isInline
        return try #require(try profile.requestSend(request).transfer)
    }
}

/// Bytes that look like nothing.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
}
