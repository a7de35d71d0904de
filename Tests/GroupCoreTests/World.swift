import ChatProtocol
import GroupCore
import Testing

/// SplitMix64: the same sequence for the same seed everywhere.
final class Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    func chance(_ percent: Int) -> Bool { below(100) < percent }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// A member id of these 8 bytes.
func memberID(_ bytes: [UInt8]) -> MemberID {
    guard let id = MemberID(bytes) else { preconditionFailure("a member id has 8 bytes") }
    return id
}

/// What goes wrong, in percent of the occasions.
struct Weather {
    /// A delivery is lost and comes again later.
    var loss = 0
    /// A delivery is handled, but the process dies before that is stored.
    var crash = 0
    /// A delivery, or something that was to be done, comes a second time.
    var again = 0
}

/// Processes of people with contacts, links between them as the agent link gives them, everything stored as bytes.
struct World {
    /// One person's process. Everything of it but the agent's connections is lost in a crash unless it was stored.
    struct Node {
        var profile: Profile
        /// The profiles under which this one knows the others, by their numbers.
        var contacts: [Int64: Profile] = [:]
        var checkpoint: [UInt8]?
        var outbox: [GroupAction] = []
        var connections: [GroupConnection: AgentState] = [:]
        var notices: [GroupNotice] = []
        var refusals: [GroupRefusal] = []
        var merges: [MemberID: Int64] = [:]
        /// Text messages that came, and from whom.
        var texts: [String] = []
        var joinsAtOnce = true
    }

    enum AgentState { case made, joined, allowed, connected, closed }

    enum Channel: Hashable {
        case group(Int, GroupConnection)
        case contact(Int, Int64)
    }

    enum Arrival {
        case input(GroupInput)
        case message(GroupConnection, [UInt8])
        case contact(Int64, [UInt8])
    }

    var nodes: [Node] = []
    var ids: [MemberID: Int] = [:]
    var links: [String: (node: Int, connection: GroupConnection)] = [:]
    var queues: [Channel: [(order: Int, arrival: Arrival)]] = [:]
    var order = 0
    let random: Seeded
    var weather: Weather
    /// Each message as `0>1 x.grp.inv`: who sent it to whom; `g` after a receiver on the group connection, `d` on the direct
    /// one, and `+` before what travels as connection information.
    var trace: [String] = []
    /// The messages themselves, in the same order.
    var wire: [[UInt8]] = []
    /// What ties a contact's connection together, at both ends.
    var binds = true

    init(seed: UInt64, weather: Weather = Weather()) {
        random = Seeded(seed)
        self.weather = weather
    }

    static func profile(_ node: Int) -> Profile { Profile(displayName: "n\(node)", fullName: "Number \(node)") }

    mutating func add(_ count: Int) {
        for _ in 0..<count { nodes.append(Node(profile: World.profile(nodes.count))) }
    }

    mutating func befriend(_ one: Int, _ other: Int) {
        nodes[one].contacts[Int64(other)] = nodes[other].profile
        nodes[other].contacts[Int64(one)] = nodes[one].profile
    }

    /// The node of a member, for comparing; -1 if there is none.
    func number(of member: MemberID) -> Int { ids[member] ?? -1 }

    func machine(_ node: Int) throws -> GroupMachine? {
        try nodes[node].checkpoint.map { try GroupMachine(checkpoint: $0) }
    }

    mutating func newID() -> MemberID { memberID(random.bytes(8)) }

    mutating func create(_ node: Int) {
        let machine = GroupMachine(
            creating: Profile(displayName: "team"), id: newID(), profile: nodes[node].profile)
        ids[machine.me.id] = node
        nodes[node].checkpoint = machine.checkpoint()
    }

    /// `other`'s id in the group.
    @discardableResult
    mutating func invite(_ other: Int, by node: Int, role: MemberRole = .member) throws -> MemberID {
        let id = newID()
        if nodes[node].contacts[Int64(other)] == nil { befriend(node, other) }
        let profile = try #require(nodes[node].contacts[Int64(other)])
        try handle(node, .wish(.invite(contact: Int64(other), profile: profile, role: role, member: id)))
        ids[id] = other
        return id
    }

    mutating func wish(_ node: Int, _ wish: GroupWish) throws { try handle(node, .wish(wish)) }

    func context(_ node: Int) -> GroupContext {
        let (random, contacts) = (random, nodes[node].contacts)
        return GroupContext(
            random: { random.bytes($0) },
            contacts: { profile in
                contacts.filter { $0.value == profile }.keys.sorted().map { contact(node, $0) }
            },
            binding: { binding(node, $0) })
    }

    /// What ties a connection of the group together, at both ends.
    func binding(_ node: Int, _ connection: GroupConnection) -> [UInt8] {
        let pair = [node, number(of: connection.member)].sorted()
        return binds ? Array("\(pair) \(connection.introducer.text)".utf8) : []
    }

    func contact(_ node: Int, _ id: Int64) -> KnownContact {
        let pair = [node, Int(id)].sorted()
        return KnownContact(id: id, binding: binds ? Array("\(pair)".utf8) : [])
    }

    /// One step from stored bytes to stored bytes; without `stores` the process dies before they are.
    mutating func handle(_ node: Int, _ input: GroupInput, stores: Bool = true) throws {
        guard var machine = try machine(node) else { return }
        let actions = machine.handle(input, context(node))
        if stores { store(node, machine, actions) }
    }

    mutating func store(_ node: Int, _ machine: GroupMachine, _ actions: [GroupAction]) {
        let bytes = machine.checkpoint()
        let again = try? GroupMachine(checkpoint: bytes)
        #expect(again == machine && again?.checkpoint() == bytes)
        nodes[node].checkpoint = bytes
        nodes[node].outbox += actions
    }

    // MARK: Time

    /// Carries out and delivers until nothing is left, oldest first.
    mutating func settle() throws {
        while try step(orderly: true) {}
    }

    /// The same in any order.
    mutating func settleAtRandom() throws {
        var steps = 0
        while try step(orderly: false) {
            steps += 1
            try #require(steps < 200_000, "it does not come to rest")
        }
    }

    /// One thing that happens; false if there is nothing more.
    mutating func step(orderly: Bool) throws -> Bool {
        let busy = nodes.indices.filter { !nodes[$0].outbox.isEmpty }
        let waiting = queues.keys.filter { queues[$0]?.isEmpty == false }
        guard !busy.isEmpty || !waiting.isEmpty else { return false }
        if let node = busy.first, orderly || random.chance(50) {
            let chosen = orderly ? node : busy[random.below(busy.count)]
            try carryOut(chosen)
        } else {
            // A dictionary's order changes from run to run; the sequence must not.
            let sorted = waiting.sorted { (queues[$0]?.first?.order ?? 0) < (queues[$1]?.first?.order ?? 0) }
            if let channel = orderly ? sorted.first : sorted.isEmpty ? nil : sorted[random.below(sorted.count)] {
                try deliver(channel)
            }
        }
        return true
    }

    private mutating func carryOut(_ node: Int) throws {
        let outbox = nodes[node].outbox
        let count = weather.again == 0 ? outbox.count : 1 + random.below(outbox.count)
        for action in outbox.prefix(count) { try carryOut(action, of: node) }
        // A crash in between: some is done again.
        let done = random.chance(weather.again) ? random.below(count + 1) : count
        nodes[node].outbox.removeFirst(done)
    }

    private mutating func deliver(_ channel: Channel) throws {
        guard let first = queues[channel]?.first, !random.chance(weather.loss) else { return }
        let stores = !random.chance(weather.crash)
        let node: Int
        switch channel {
        case .group(let number, _), .contact(let number, _): node = number
        }
        switch first.arrival {
        case .input(let input):
            if case .connected(let connection, _) = input, nodes[node].connections[connection] != .closed {
                nodes[node].connections[connection] = .connected
            }
            try handle(node, input, stores: stores)
        case .message(let connection, let bytes):
            let event = try ChatEvent(parsing: bytes[...])
            if stores, case .newMessage(let new) = event, let body = new.parts.compactMap(\.body).last {
                nodes[node].texts.append("\(number(of: connection.member)):\(String(decoding: body, as: UTF8.self))")
            }
            try handle(node, .received(connection, event), stores: stores)
        case .contact(let id, let bytes):
            let event = try ChatEvent(parsing: bytes[...])
            if case .groupInvite(let invitation) = event, nodes[node].checkpoint == nil {
                let from = try #require(nodes[node].contacts[id])
                let machine = try GroupMachine(
                    invitation: invitation, from: id, hostProfile: from, profile: nodes[node].profile)
                if stores { store(node, machine, []) }
                if stores, nodes[node].joinsAtOnce { try handle(node, .wish(.join)) }
            } else {
                try handle(node, .contactReceived(contact(node, id), event), stores: stores)
            }
        }
        guard stores, !random.chance(weather.again), queues[channel] != nil else { return }
        queues[channel]?.removeFirst()
        if queues[channel]?.isEmpty == true { queues[channel] = nil }
    }
}
