import Foundation
import Logging
import NIOCore
import NIOPosix
import SMPRelay

/// A real relay in a temporary directory.
struct TestRelay {
    let relay: Relay
    let directory: URL
    let group: any EventLoopGroup

    var address: String { relay.address }
}

func withRelay(_ body: (TestRelay) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-link-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let relay = try await startRelay(directory.appendingPathComponent("relay").path, group: group)
    try await body(TestRelay(relay: relay, directory: directory, group: group))
    await relay.shutdown()
    try await group.shutdownGracefully()
}

func startRelay(_ directory: String, group: any EventLoopGroup) async throws -> Relay {
    var logger = Logger(label: "relay")
    logger.logLevel = .critical
    return try await Relay.start(RelayConfiguration(directory: directory, port: 0), group: group, logger: logger)
}
