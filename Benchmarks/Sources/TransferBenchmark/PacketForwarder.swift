import CBenchmark
import Glibc

/// A line between two TUN devices: packets of one are written to the other when the line's model lets them arrive.
final class PacketForwarder {
    private struct Direction {
        let input: Int32
        let output: Int32
        var model: LinkModel
        /// Under way, in the order of arrival.
        var packets: [(arrival: Double, bytes: [UInt8])] = []
        var first = 0

        var nextArrival: Double? { first < packets.count ? packets[first].arrival : nil }
    }

    private static let packetSize = 2_048
    private var directions: [Direction]

    /// Makes both devices.
    init(devices: [String], model: (_ seed: UInt64) -> LinkModel) throws {
        let descriptors = try devices.map { name in
            let descriptor = sx_tun_open(name)
            guard descriptor >= 0 else { throw BenchmarkError.system(call: "make the TUN device \(name)", code: errno) }
            return descriptor
        }
        guard let one = descriptors.first, let other = descriptors.last, descriptors.count == 2 else {
            preconditionFailure("a line has two ends")
        }
        directions = [
            Direction(input: one, output: other, model: model(1)),
            Direction(input: other, output: one, model: model(2)),
        ]
    }

    /// Forwards until the process is ended.
    func run() -> Never {
        var events = directions.map { pollfd(fd: $0.input, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: PacketForwarder.packetSize)
        while true {
            let now = PacketForwarder.now
            let next = directions.compactMap(\.nextArrival).min()
            let wait = next.map { max(0, $0 - now) } ?? 1
            _ = sx_poll(&events, Int32(events.count), Int(wait * 1e9))
            for index in directions.indices {
                takeIn(&directions[index], &buffer)
                deliver(&directions[index])
            }
        }
    }

    private func takeIn(_ direction: inout Direction, _ buffer: inout [UInt8]) {
        while case let count = read(direction.input, &buffer, buffer.count), count > 0 {
            guard let arrival = direction.model.arrival(of: count, at: PacketForwarder.now) else { continue }
            direction.packets.append((arrival, Array(buffer[..<count])))
        }
    }

    private func deliver(_ direction: inout Direction) {
        let now = PacketForwarder.now
        while let arrival = direction.nextArrival, arrival <= now {
            let bytes = direction.packets[direction.first].bytes
            _ = write(direction.output, bytes, bytes.count)
            direction.first += 1
        }
        if direction.first > 1_024 {
            direction.packets.removeFirst(direction.first)
            direction.first = 0
        }
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
