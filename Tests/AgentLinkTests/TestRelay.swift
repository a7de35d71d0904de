import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import SMPProtocol
import SMPRelay

/// A real relay in a temporary directory, or the server that `SXFILE_TEST_SERVER` names: the same tests over either.
///
/// `SXFILE_TEST_SERVER_RESTART` is the command that starts that server again, with what it has stored.
struct TestRelay {
    /// Ours; nil if it is the server of the environment.
    var own: Relay?
    var address: String
    let directory: URL
    let group: any EventLoopGroup

    var port: Int { (try? SMPServer(address)).map { Int($0.portNumber) } ?? 0 }

    /// Ends it, if it is ours.
    func shutdown() async { await own?.shutdown() }

    /// Stops it and starts it again with what it has stored, at another port if it is ours.
    mutating func restart() async throws {
        if let own {
            await own.shutdown()
            let again = try await startRelay(directory.appendingPathComponent("relay").path, group: group)
            self.own = again
            address = again.address
        } else if let command = Self.variable("SXFILE_TEST_SERVER_RESTART") {
            try run(command)
        }
    }

    static func variable(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}

/// Runs a shell command that has to succeed. What it starts and leaves running is not waited for.
func run(_ command: String) throws {
    struct Failed: Error { let command: String }
    guard system(command) == 0 else { throw Failed(command: command) }
}

/// `messagesPerQueue`, if the number matters, makes a relay of our own in any case.
func withRelay(
    messagesPerQueue: Int? = nil, offersWindow: Bool = true, _ body: (inout TestRelay) async throws -> Void
) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-link-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    var relay: TestRelay
    if messagesPerQueue == nil, let address = TestRelay.variable("SXFILE_TEST_SERVER") {
        relay = TestRelay(own: nil, address: address, directory: directory, group: group)
    } else {
        let own = try await startRelay(
            directory.appendingPathComponent("relay").path, group: group, messagesPerQueue: messagesPerQueue ?? 4096,
            offersWindow: offersWindow)
        relay = TestRelay(own: own, address: own.address, directory: directory, group: group)
    }
    try await body(&relay)
    await relay.shutdown()
    try await group.shutdownGracefully()
}

func startRelay(
    _ directory: String, group: any EventLoopGroup, messagesPerQueue: Int = 4096, offersWindow: Bool = true
) async throws -> Relay {
    var logger = Logger(label: "relay")
    logger.logLevel = .critical
    var configuration = RelayConfiguration(directory: directory, port: 0)
    configuration.messagesPerQueue = messagesPerQueue
    configuration.offersDeliveryWindow = offersWindow
    return try await Relay.start(configuration, group: group, logger: logger)
}
