import ChatProtocol
import ChunkIO
import DirectLane
import Primitives
import RateLimit
import TransferCore

/// What the settings say about direct connections.
struct DirectPolicy: Sendable {
    var isWanted = true
    /// No other lane may carry the transfer.
    var isOnlyLane = false
    var offersPublic = false
    var dialsPublic = false
    var limiter: RateLimiter?
}

extension Profile {
    /// What holds for a transfer now.
    func directPolicy(for transfer: Transfer) throws(EngineError) -> DirectPolicy {
        // A direct connection would tell what the proxy is there to hide.
        guard try proxy() == nil else { return DirectPolicy(isWanted: false) }
        let isAllowed = try setting(.lane) != "relay"
        let isWanted =
            switch (transfer.direction, transfer.laneWish) {
            case (.receive, _): isAllowed
            case (.send, "direct"): true
            case (.send, "relay"): false
            // A small file is with the relay before two sides have met.
            case (.send, _): isAllowed && transfer.size ?? .max >= DirectPort.smallest
            }
        return DirectPolicy(
            isWanted: isWanted, isOnlyLane: transfer.direction == .send && transfer.laneWish == "direct",
            offersPublic: try setting(.offerPublic) == "yes",
            dialsPublic: try setting(.dialPublic) == "yes")
    }
}

/// A runner's way to the direct lane: at most one rendezvous at a time.
struct DirectPort {
    /// Smaller files are sent by the relay alone unless their sender says otherwise, in bytes.
    static let smallest: UInt64 = 1 << 20
    /// How long nothing may pass before a connection counts as idle.
    static let longestSilence: Duration = .seconds(30)
    /// The most x.file.direct that are dialled in one meeting: a peer that starts anew says another.
    static let dialLimit = 3
    /// Chunks that a side holds in memory, in bytes.
    static let memory = 2 << 20

    private var plan: DirectPlan
    private let policy: DirectPolicy
    private(set) var rendezvous: DirectRendezvous?
    /// What the other side is told of it.
    private var said: DirectOffer?
    /// The identities that were dialled since.
    private(set) var dialled: [[UInt8]] = []
    /// Tells the events of one rendezvous from those of the one before.
    private(set) var attempt = 0
    private var movedAt = Duration.zero

    init(_ policy: DirectPolicy, notBefore: Duration) {
        self.policy = policy
        plan = DirectPlan(isWanted: policy.isWanted, isOnlyLane: policy.isOnlyLane, notBefore: notBefore)
    }

    /// Buffers for one side of one transfer.
    static func pool(chunkSize: Int) -> ChunkBufferPool {
        ChunkBufferPool(capacity: chunkSize, limit: max(4, memory / chunkSize))
    }

    /// Whether the two have met, and what came of it stands.
    var isUp: Bool { rendezvous != nil && plan.state == .up }

    /// Whether the two sides are trying to meet.
    var isMeeting: Bool { if case .meeting = plan.state { true } else { false } }

    /// Whether nothing is up and nobody tries.
    var isIdle: Bool { if case .idle = plan.state { true } else { false } }

    /// Whether a fresh message would be answered by x.file.direct.
    var isDue: Bool { plan.isDue(at: Monotonic.now) }

    /// Listens, and gives what x.file.direct is to say.
    mutating func open(
        _ role: DirectRendezvous.Role, event: @escaping @Sendable (Int, DirectRendezvous.Event) -> Void
    ) -> DirectOffer {
        close()
        let addresses = LocalNetwork.current().addressesToOffer(
            offersPublic: policy.offersPublic, limit: DirectRendezvous.endpointLimit)
        let new = DirectRendezvous(role: role, listeningOn: addresses, limiter: policy.limiter) { [attempt] in
            event(attempt, $0)
        }
        rendezvous = new
        plan.begin(at: Monotonic.now)
        let endpoints = new.endpoints.compactMap { DirectOffer.Endpoint(address: "\($0.address)", port: $0.port) }
        let offer = DirectOffer(endpoints: endpoints, identity: new.key.identity, key: new.key.key.bytes)
        said = offer
        return offer
    }

    /// What the other side's x.file.direct leads to.
    enum Reply: Equatable {
        /// Nothing: it answers what is up or given up, or direct connections are not wanted.
        case none
        /// Dial it: it answers what this side said.
        case dial
        /// Say the same again, as an answer, and dial it: both began, or the other side has started anew.
        case answer(DirectOffer)
        /// Listen, say that as an answer, and dial it: it begins a meeting, or has lost what was up.
        case open
    }

    /// Takes in the other side's x.file.direct.
    func reply(to offer: DirectOffer) -> Reply {
        let isMine = said != nil && offer.answers == said?.identity
        switch plan.state {
        case .off: return .none
        case .idle: return .open
        case .up: return isMine ? .none : .open
        case .meeting:
            if isMine { return .dial }
            guard var again = said, !dialled.contains(offer.identity) else { return .none }
            again.answers = offer.identity
            return .answer(again)
        }
    }

    /// Dials what may be dialled of an offer, once.
    mutating func dial(_ offer: DirectOffer) {
        guard isMeeting, dialled.count < Self.dialLimit, !dialled.contains(offer.identity),
            let key = DirectKey(identity: offer.identity, key: offer.key)
        else { return }
        dialled.append(offer.identity)
        rendezvous?.dial(endpoints(of: offer), key: key)
    }

    /// Where an offer may lead.
    func endpoints(of offer: DirectOffer) -> [Endpoint] {
        let network = LocalNetwork.current()
        let named = offer.endpoints.compactMap { endpoint in
            IPAddress(endpoint.address).map { Endpoint(address: $0, port: endpoint.port) }
        }
        return named.filter { network.mayDial($0, dialsPublic: policy.dialsPublic) }
    }

    /// Whether something is up that is not given up: the other side may be syncing, which takes its time.
    var isMoving: Bool { isUp && Monotonic.now - movedAt < Self.longestSilence }

    /// Something passed on the direct connection.
    mutating func moved() { movedAt = Monotonic.now }

    mutating func met() {
        plan.met()
    }

    /// The rendezvous is over.
    mutating func failed() {
        close()
        plan.failed(at: Monotonic.now)
    }

    /// Gives up a meeting that takes too long.
    mutating func look() {
        if plan.gaveUp(at: Monotonic.now) { close() }
    }

    /// Ends what there is; what it still tells is not listened to.
    mutating func close() {
        rendezvous?.close()
        rendezvous = nil
        said = nil
        dialled = []
        attempt += 1
    }
}
