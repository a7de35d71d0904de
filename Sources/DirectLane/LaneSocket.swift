import CLinux
import ChunkIO
import Glibc
import Guarding

/// Plain sockets, and waiting for them.
enum LaneSocket {
    private static let stream = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    /// A connected socket.
    static func connect(
        to endpoint: Endpoint, until deadline: Int64, unless connection: DirectConnection
    ) throws(DirectError) -> Int32 {
        let descriptor = socket(endpoint.address.isIPv6 ? AF_INET6 : AF_INET, stream, 0)
        guard descriptor >= 0 else { throw .socket(operation: "making a socket", errno: errno) }
        do throws(DirectError) {
            let result = endpoint.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
            if result != 0, errno != EINPROGRESS { throw .socket(operation: "connecting", errno: errno) }
            while try !wait(for: descriptor, Int16(POLLOUT), until: deadline, connection.wake, "connecting") {
                if connection.mail.withLock({ $0.isCancelled || $0.isFinishing }) { throw .closedByPeer }
            }
            var failure: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length)
            guard failure == 0 else { throw .socket(operation: "connecting", errno: failure) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A listening socket on a port that the kernel chooses, and where it is.
    static func listen(on address: IPAddress) throws(DirectError) -> (descriptor: Int32, endpoint: Endpoint) {
        let descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, stream, 0)
        guard descriptor >= 0 else { throw .socket(operation: "making a socket", errno: errno) }
        var on: Int32 = 1
        if address.isIPv6 {
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let isListening =
            Endpoint(address: address, port: 0).withSocketAddress { bind(descriptor, $0, $1) } == 0
            && Glibc.listen(descriptor, 16) == 0
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isNamed =
            isListening
            && withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
            } == 0
        guard isNamed, let endpoint = Endpoint(storage), endpoint.port >= Endpoint.lowestPort else {
            let failure = errno
            close(descriptor)
            throw .socket(operation: "listening on \(address)", errno: failure)
        }
        return (descriptor, endpoint)
    }

    /// Accepts what waits; nil if nothing does.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = sx_accept(listener)
        return descriptor >= 0 ? descriptor : nil
    }

    /// Turns a caller away.
    static func drop(_ descriptor: Int32) { close(descriptor) }

    /// Makes the kernel notice a peer that is gone.
    /// - Parameter receiveBuffer: what may have come and not be read; nil leaves it to the kernel.
    static func watch(_ descriptor: Int32, receiveBuffer: Int?) {
        func set(_ level: Int32, _ option: Int32, _ value: Int32) {
            var value = value
            setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(Int32(SOL_SOCKET), SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 4)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 2)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, FrameLimits.unanswered)
        if let receiveBuffer { set(Int32(SOL_SOCKET), SO_RCVBUF, Int32(clamping: receiveBuffer)) }
    }

    /// Waits as `wait` does, but for no more than until `time`, which is no failure.
    static func pause(
        for descriptor: Int32, _ events: Int16, until time: Int64, _ wake: Wake
    ) throws(DirectError) {
        do throws(DirectError) { _ = try wait(for: descriptor, events, until: time, wake, "") } catch {
            guard case .timedOut = error else { throw error }
        }
    }

    /// Waits until `descriptor` is ready for one of `events` (true), or `wake` was signalled (false).
    static func wait(
        for descriptor: Int32, _ events: Int16, until deadline: Int64?, _ wake: Wake, _ what: String
    ) throws(DirectError) -> Bool {
        var descriptors = [
            pollfd(fd: descriptor, events: events, revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let left = deadline.map { max(0, $0 - LaneClock.now) } ?? -1
            let result = poll(&descriptors, 2, Int32(clamping: left))
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw .socket(operation: "waiting", errno: errno) }
            guard result > 0 else { throw .timedOut(what) }
            let isAwoken = descriptors[1].revents != 0
            if isAwoken { wake.wait() }
            // An error shows at the next call.
            return descriptors[0].revents != 0 || !isAwoken
        }
    }
}
