import Foundation
import Testing

@testable import SMPRelay

/// The file of a queue's messages, where its first slots are used again.
@Suite struct SpoolTests {
    /// A power cut, or a refused write, between the two writes that end a turn: the first slot still holds the message that
    /// was moved behind the others. Nothing is lost, and nothing stops the relay.
    @Test(arguments: [150, 300] as [UInt64]) func anEndOfATurnThatWasCutOff(dropped: UInt64) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("spool").path
        let pool = DescriptorPool(limit: 4)
        let spool = try Spool(path: path, pool: pool)
        for number in 0..<256 { try spool.append(message(number)) }
        try spool.drop(through: 149)
        for number in 256..<406 { try spool.append(message(number)) }
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        let place = UInt64(SpoolLayout.offset(ofSlot: 0))
        try file.seek(toOffset: place)
        let firstSlot = try #require(try file.read(upToCount: SpoolLayout.slotCount))
        try spool.append(message(406))
        try spool.drop(through: dropped)
        try file.seek(toOffset: place)
        try file.write(contentsOf: firstSlot)

        for _ in 0..<2 {
            let after = try Spool(path: path, pool: DescriptorPool(limit: 4))
            #expect(after.head == dropped + 1 && after.tail == 407)
            for number in after.head..<after.tail {
                #expect(try after.read(number)?.body == message(Int(number)).body)
            }
        }
    }

    private func message(_ number: Int) -> StoredMessage {
        StoredMessage(
            kind: .message, notifies: false, id: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 24),
            timestamp: Int64(number), tag: 1, body: Array("message \(number)".utf8)[...])
    }
}
