import Glibc

/// The service manager that has started this process, if it waits to hear from it: what sd_notify(3) does.
enum ServiceManager {
    /// The process does its work from now on.
    static func ready(_ environment: [String: String]) { tell("READY=1", environment) }

    /// The process is leaving.
    static func stopping(_ environment: [String: String]) { tell("STOPPING=1", environment) }

    private static func tell(_ text: String, _ environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // An abstract name has a zero byte for the sign.
        let bytes = Array((path.hasPrefix("@") ? "\0" + path.dropFirst() : path).utf8)
        let place = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address) { $0[place...].copyBytes(from: bytes) }
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        let size = socklen_t(place + bytes.count)
        // Nobody to tell is no failure of ours.
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(socket, text, text.utf8.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }
}
