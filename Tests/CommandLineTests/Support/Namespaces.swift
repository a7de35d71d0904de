import Foundation
import Glibc
import Testing

/// Three machines: Alice and Bob, each with a line to the operator's relay, and a line between the two.
///
/// Network namespaces of this process's own, which go with it. They want root and ip(8).
final class Namespaces: Sendable {
    static let relayAddress = "10.77.0.1"
    static let areAvailable: Bool = {
        guard geteuid() == 0, access(ip, X_OK) == 0 else { return false }
        let name = "sx\(getpid())probe"
        defer { _ = try? run(["netns", "delete", name]) }
        return (try? run(["netns", "add", name])) == 0
    }()

    private static let ip = access("/usr/sbin/ip", X_OK) == 0 ? "/usr/sbin/ip" : "/sbin/ip"
    private static let homes = ["alice", "bob", "operator"]
    private let prefix: String

    /// - Parameters:
    ///   - alice: her addresses on the line between the two, each with the length of its subnet.
    ///   - bob: his.
    init(alice: [String], bob: [String]) throws {
        prefix = "sx\(getpid())-\(UInt16.random(in: 0...UInt16.max))-"
        for home in Self.homes {
            try ip("netns", "add", prefix + home)
            try ip("-n", prefix + home, "link", "set", "lo", "up")
        }
        for (number, home) in ["alice", "bob"].enumerated() {
            try line(home, "relay0", "operator", "to\(number)")
            // A whole /32 and a route to the other end: nobody takes the line to the relay for a way to each other.
            let own = "10.77.\(number + 1).2"
            try address("\(own)/32", home, "relay0")
            try address("\(Self.relayAddress)/32", "operator", "to\(number)")
            try ip("-n", prefix + home, "route", "add", Self.relayAddress, "dev", "relay0", "src", own)
            try ip("-n", prefix + "operator", "route", "add", own, "dev", "to\(number)", "src", Self.relayAddress)
        }
        try line("alice", "direct0", "bob", "direct0")
        for (home, addresses, others) in [("alice", alice, bob), ("bob", bob, alice)] {
            for (address, other) in zip(addresses, others) {
                try self.address(address, home, "direct0")
                guard address.hasSuffix("/32") else { continue }
                let peer = String(other.prefix { $0 != "/" })
                try ip("-n", prefix + home, "route", "add", peer, "dev", "direct0")
            }
        }
    }

    deinit { for home in Self.homes { _ = try? Self.run(["netns", "delete", prefix + home]) } }

    /// What runs a command on the machine of `home`.
    func command(in home: String) -> [String] { [Self.ip, "netns", "exec", prefix + home] }

    /// From now on packets to `address` vanish on the machine of `home`, or come through again.
    func blackhole(_ address: String, on home: String, _ isOn: Bool = true) throws {
        try ip("-n", prefix + home, "route", isOn ? "add" : "delete", "blackhole", address + "/32", "metric", "0")
    }

    private func line(_ home: String, _ device: String, _ other: String, _ otherDevice: String) throws {
        try ip(
            "link", "add", device, "netns", prefix + home, "type", "veth", "peer", "name", otherDevice, "netns",
            prefix + other)
        try ip("-n", prefix + home, "link", "set", device, "up")
        try ip("-n", prefix + other, "link", "set", otherDevice, "up")
    }

    private func address(_ address: String, _ home: String, _ device: String) throws {
        // An IPv6 address is otherwise of no use before it is known to be unique.
        let flags = address.contains(":") ? ["nodad"] : []
        try ip(["-n", prefix + home, "address", "add", address, "dev", device] + flags)
    }

    private func ip(_ words: String...) throws { try ip(words) }

    private func ip(_ words: [String]) throws {
        try #require(try Self.run(words) == 0, "ip \(words.joined(separator: " ")) failed")
    }

    private static func run(_ words: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ip)
        process.arguments = words
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
