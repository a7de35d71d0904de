import ChatProtocol
import GroupCore
import Testing

/// What is stored: `World` reads it again at each step, here it is damaged.
@Suite struct CheckpointTests {
    private func checkpoints() throws -> [[UInt8]] {
        var world = World(seed: 9)
        world.add(4)
        world.create(0)
        for node in 1..<4 { try world.invite(node, by: 0, role: .admin) }
        var all: [[UInt8]] = []
        var steps = 0
        while try world.step(orderly: false) {
            steps += 1
            if steps % 40 == 0 { all += world.nodes.compactMap(\.checkpoint) }
        }
        try world.wish(3, .leave)
        try world.settle()
        return all + world.nodes.compactMap(\.checkpoint)
    }

    @Test func cutOrLongerIsRefused() throws {
        for bytes in try checkpoints() {
            for count in stride(from: 0, to: bytes.count, by: 7) {
                #expect(throws: GroupRefusal.checkpointDamaged) {
                    try GroupMachine(checkpoint: Array(bytes.prefix(count)))
                }
            }
            #expect(throws: GroupRefusal.checkpointDamaged) { try GroupMachine(checkpoint: bytes + [0]) }
            #expect(throws: GroupRefusal.checkpointNewer(200)) {
                try GroupMachine(checkpoint: [200] + bytes.dropFirst())
            }
        }
    }

    /// A changed byte is refused or gives a machine that works; nothing traps.
    @Test func aChangedByteDoesNotTrap() throws {
        let context = GroupContext(
            random: { [UInt8](repeating: 0, count: $0) }, contacts: { _ in [] }, binding: { _ in [] })
        for bytes in try checkpoints().suffix(4) {
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 1 << UInt8(index % 8)
                guard var machine = try? GroupMachine(checkpoint: changed) else { continue }
                _ = machine.handle(.wish(.profile(Profile(displayName: "new"))), context)
                for member in machine.sortedMembers {
                    guard let connection = member.connection else { continue }
                    _ = machine.handle(.received(connection, .groupLeave), context)
                }
            }
        }
    }
}
