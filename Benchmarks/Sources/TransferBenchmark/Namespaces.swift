import Glibc

/// Network namespaces of a section; what happens in them leaves the machine nowhere.
///
/// Addresses are private ones.
final class Namespaces {
    private let workspace: Workspace
    private var names: [String] = []

    init(_ workspace: Workspace) { self.workspace = workspace }

    /// Throws `unavailable` where no namespaces can be made.
    static func require() throws {
        guard getuid() == 0 else { throw BenchmarkError.unavailable("network namespaces want root") }
        let isFound = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].contains { Files.exists($0 + "/ip") }
        guard isFound else { throw BenchmarkError.unavailable("there is no `ip`: install iproute2") }
    }

    /// Makes a namespace where only loopback is up.
    func make(_ name: String) throws -> String {
        try Namespaces.require()
        let full = "sxfile-\(name)-\(getpid())"
        try workspace.run(["ip", "netns", "add", full])
        names.append(full)
        try workspace.run(["ip", "-n", full, "link", "set", "lo", "up"])
        return full
    }

    /// Puts a device into a namespace and gives it an address of a network of two.
    func place(_ device: String, in namespace: String, address: String) throws {
        try workspace.run(["ip", "link", "set", device, "netns", namespace])
        try workspace.run(["ip", "-n", namespace, "address", "add", address + "/30", "dev", device])
        try workspace.run(["ip", "-n", namespace, "link", "set", device, "up"])
    }

    /// Makes the two sides of a route, a device in each: `makeDevices` makes them by name.
    func makeRoute(_ makeDevices: (_ near: String, _ far: String) throws -> Void) throws -> Route {
        let near = Host(address: "10.77.0.1", namespace: try make("near"))
        let far = Host(address: "10.77.0.2", namespace: try make("far"))
        let devices = Namespaces.devices
        try makeDevices(devices.near, devices.far)
        for (device, host) in [(devices.near, near), (devices.far, far)] {
            guard let namespace = host.namespace else { preconditionFailure("made with one") }
            try place(device, in: namespace, address: host.address)
        }
        return Route(near: near, far: far)
    }

    /// The names of a route's devices.
    static var devices: (near: String, far: String) { ("sxn\(getpid())", "sxf\(getpid())") }

    /// Removes the namespaces, and with them their devices. Runs also after a signal, so it does not look for one.
    func clear() {
        for name in names {
            guard let child = try? ChildProcess(["ip", "netns", "delete", name], log: workspace.path("netns")) else {
                continue
            }
            child.waitUninterrupted()
        }
        names = []
    }
}
