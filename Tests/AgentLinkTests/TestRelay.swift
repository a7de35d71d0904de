import Foundation
import Logging
import NIOCore
import NIOPosix
import SMPRelay

/// A real relay in a temporary directory.
struct TestRelay {
    var relay: Relay
    let directory: URL
    let group: any EventLoopGroup

    var address: String { relay.address }
    var port: Int { relay.port }
    func shutdown() async { await relay.shutdown() }
}

func withRelay(messagesPerQueue: Int = 4096, _ body: (TestRelay) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-link-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let relay = try await startRelay(
        directory.appendingPathComponent("relay").path, group: group, messagesPerQueue: messagesPerQueue)
    try await body(TestRelay(relay: relay, directory: directory, group: group))
    await relay.shutdown()
    try await group.shutdownGracefully()
}

func startRelay(
    _ directory: String, group: any EventLoopGroup, messagesPerQueue: Int = 4096
) async throws -> Relay {
    var logger = Logger(label: "relay")
    logger.logLevel = .critical
    var configuration = RelayConfiguration(directory: directory, port: 0)
    configuration.messagesPerQueue = messagesPerQueue
    return try await Relay.start(configuration, group: group, logger: logger)
}
