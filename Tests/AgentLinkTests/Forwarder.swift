import Guarding
import NIOCore
import NIOPosix
import SMPProtocol

/// SplitMix64.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What a forwarded TCP connection suffers.
enum Fate: Sendable {
    case none
    /// Closed at once.
    case refused
    /// Closed after so many bytes, both directions counted.
    case cut(after: Int)
    /// Open, but nothing passes any more after so many bytes.
    case blackHole(after: Int)
    /// Everything comes so late.
    case delayed(TimeAmount)
}

/// A TCP forwarder between a link and a relay. TLS passes through: only the relay's fingerprint is checked.
final class Forwarder: Sendable {
    private struct State {
        var dice: Dice
        var isCalm = true
        /// What every new connection suffers, whatever the dice say.
        var fixed: Fate?
        var target: Int
        var open: [ObjectIdentifier: any Channel] = [:]
    }

    private final class Shared: Sendable {
        let state: Guarded<State>
        init(_ state: State) { self.state = Guarded(state) }
    }

    private let shared: Shared
    private let listener: any Channel

    private init(_ listener: any Channel, _ shared: Shared) {
        self.listener = listener
        self.shared = shared
    }

    static func start(to port: Int, seed: UInt64, group: any EventLoopGroup) async throws -> Forwarder {
        let shared = Shared(State(dice: Dice(seed: seed), target: port))
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in Self.accept(channel, shared) }
            .bind(host: "127.0.0.1", port: 0).get()
        return Forwarder(listener, shared)
    }

    /// The relay's address with the forwarder's port.
    func address(of relay: String) throws -> String {
        let server = try SMPServer(relay)
        return SMPServer(
            fingerprint: server.fingerprint, hosts: server.hosts, port: UInt16(listener.localAddress?.port ?? 0)
        ).description
    }

    /// From now on to another port.
    func target(_ port: Int) { shared.state.withLock { $0.target = port } }
    /// What new connections suffer from now on; nil leaves it to the dice.
    func fix(_ fate: Fate?) { shared.state.withLock { $0.fixed = fate } }
    /// Whether new connections are left in peace.
    func calm(_ isCalm: Bool) { shared.state.withLock { $0.isCalm = isCalm } }
    /// Cuts everything that is open.
    func cutAll() { for channel in shared.state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) } }
    func close() async throws {
        try await listener.close()
        cutAll()
    }

    private static func draw(_ shared: Shared) -> (Fate, Int) {
        shared.state.withLock { state in
            if let fixed = state.fixed { return (fixed, state.target) }
            guard !state.isCalm else { return (.none, state.target) }
            let bytes = Int.random(in: 0..<600_000, using: &state.dice)
            let fate: Fate =
                switch Int.random(in: 0..<100, using: &state.dice) {
                case 0..<15: .refused
                case 15..<25: .blackHole(after: bytes)
                case 25..<40: .delayed(.milliseconds(Int64.random(in: 1...40, using: &state.dice)))
                case 40..<90: .cut(after: bytes)
                default: .none
                }
            return (fate, state.target)
        }
    }

    private static func accept(_ near: any Channel, _ shared: Shared) -> EventLoopFuture<Void> {
        let (fate, port) = draw(shared)
        if case .refused = fate { return near.close() }
        let id = ObjectIdentifier(near)
        shared.state.withLock { $0.open[id] = near }
        near.closeFuture.whenComplete { _ in shared.state.withLock { _ = $0.open.removeValue(forKey: id) } }
        let loop = near.eventLoop
        // The near one is not active, and reads nothing, before this has an outcome; TLS servers do not speak first.
        return ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { far in
                let line = Line(fate)
                try near.pipeline.syncOperations.addHandler(Splice(line, to: far))
                try far.pipeline.syncOperations.addHandler(Splice(line, to: near))
            }
            .flatMapErrorThrowing { error in
                near.close(promise: nil)
                throw error
            }
    }
}

/// One forwarded connection, on one event loop.
private final class Line {
    private let fate: Fate
    private var passed = 0

    enum Verdict { case pass(delay: TimeAmount?), drop, cut }

    init(_ fate: Fate) { self.fate = fate }

    func verdict(_ count: Int) -> Verdict {
        passed += count
        switch fate {
        case .none: return .pass(delay: nil)
        case .refused: return .cut
        case .delayed(let delay): return .pass(delay: delay)
        case .cut(let limit): return passed > limit ? .cut : .pass(delay: nil)
        case .blackHole(let limit): return passed > limit ? .drop : .pass(delay: nil)
        }
    }
}

private final class Splice: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let line: Line
    private let other: any Channel

    init(_ line: Line, to other: any Channel) {
        self.line = line
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch line.verdict(bytes.readableBytes) {
        case .pass(nil): other.writeAndFlush(bytes, promise: nil)
        case .pass(.some(let delay)):
            let other = other
            context.eventLoop.scheduleTask(in: delay) { other.writeAndFlush(bytes, promise: nil) }
        case .drop: break
        case .cut:
            other.close(promise: nil)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
