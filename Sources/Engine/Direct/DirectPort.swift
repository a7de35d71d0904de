import ChatProtocol
import ChunkIO
import DirectLane
import Primitives
import TransferCore

/// What the settings say about direct connections.
struct DirectPolicy: Sendable {
    var isWanted = true
    var offersPublic = false
    var dialsPublic = false
}

extension Profile {
    /// What holds for a transfer now.
    func directPolicy(for transfer: Transfer) throws(EngineError) -> DirectPolicy {
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
            isWanted: isWanted, offersPublic: try setting(.offerPublic) == "yes",
            dialsPublic: try setting(.dialPublic) == "yes")
    }
}

/// A runner's way to the direct lane: at most one rendezvous at a time.
struct DirectPort {
    /// Smaller files are sent by the relay alone unless their sender says otherwise, in bytes.
    static let smallest: UInt64 = 1 << 20
    /// Chunks that a side holds in memory, in bytes.
    static let memory = 2 << 20

    private var plan: DirectPlan
    private let policy: DirectPolicy
    private(set) var rendezvous: DirectRendezvous?
    /// Tells the events of one rendezvous from those of the one before.
    private(set) var attempt = 0
    private(set) var isUp = false

    init(_ policy: DirectPolicy, notBefore: Duration) {
        self.policy = policy
        plan = DirectPlan(isWanted: policy.isWanted, notBefore: notBefore)
    }

    /// Buffers for one side of one transfer.
    static func pool(chunkSize: Int) -> ChunkBufferPool {
        ChunkBufferPool(capacity: chunkSize, limit: max(4, memory / chunkSize))
    }

    /// Whether the two sides are trying to meet.
    var isMeeting: Bool { if case .meeting = plan.state { true } else { false } }

    /// Whether a fresh message would be answered by x.file.direct.
    var isDue: Bool { plan.isDue(at: Monotonic.now) }

    /// Listens, and gives what x.file.direct is to say.
    mutating func open(
        _ role: DirectRendezvous.Role, event: @escaping @Sendable (Int, DirectRendezvous.Event) -> Void
    ) -> DirectOffer {
        rendezvous?.close()
        attempt += 1
        let addresses = LocalNetwork.current().addressesToOffer(
            offersPublic: policy.offersPublic, limit: DirectRendezvous.endpointLimit)
        let new = DirectRendezvous(role: role, listeningOn: addresses) { [attempt] in event(attempt, $0) }
        rendezvous = new
        isUp = false
        plan.begin(at: Monotonic.now)
        let endpoints = new.endpoints.compactMap { DirectOffer.Endpoint(address: "\($0.address)", port: $0.port) }
        return DirectOffer(endpoints: endpoints, identity: new.key.identity, key: new.key.key.bytes)
    }

    /// Takes in the other side's x.file.direct.
    /// - Returns: whether this side has to say its own.
    mutating func mustAnswer() -> Bool {
        switch plan.state {
        case .off, .meeting: false
        // The other side has lost what was up.
        case .idle, .up: true
        }
    }

    /// Dials what may be dialled.
    func dial(_ offer: DirectOffer) {
        guard isMeeting, let key = DirectKey(identity: offer.identity, key: offer.key) else { return }
        let network = LocalNetwork.current()
        let endpoints = offer.endpoints.compactMap { named in
            IPAddress(named.address).map { Endpoint(address: $0, port: named.port) }
        }
        rendezvous?.dial(endpoints.filter { network.mayDial($0, dialsPublic: policy.dialsPublic) }, key: key)
    }

    mutating func met() {
        isUp = true
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
        attempt += 1
        isUp = false
    }
}
