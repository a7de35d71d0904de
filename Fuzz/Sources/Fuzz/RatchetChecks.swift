import Primitives
import WireFormat

@testable import DoubleRatchet

func checkRatchet(_ bytes: [UInt8]) {
    let input = Array(bytes.dropFirst())
    switch (bytes.first ?? 0) % 5 {
    case 0: checkGarbage(input)
    case 1: checkStored(input)
    case 2: checkAuthenticHeader(input)
    case 3: checkDamaged(input)
    default: Conversation().run(input)
    }
}

/// Two parties that have exchanged three messages; one more of the joiner is under way.
private enum Pair {
    static let both: (joiner: Ratchet, initiator: Ratchet, underWay: [UInt8]) = {
        let initiatorKeys = AgreementKeys(key1: Fixed.ratchetKey(1), key2: Fixed.ratchetKey(2))
        let joinerKeys = AgreementKeys(key1: Fixed.ratchetKey(3), key2: Fixed.ratchetKey(4))
        return must("a pair of ratchets") {
            var joiner = try joinerKeys.joiner(
                peer: initiatorKeys.publicParameters, ratchetKey: Fixed.ratchetKey(5))
            var initiator = try initiatorKeys.initiator(peer: joinerKeys.publicParameters)
            _ = try initiator.decrypt(try joiner.encrypt([1], paddedTo: 24)[...], nextRatchetKey: Fixed.ratchetKey(6))
            _ = try joiner.decrypt(try initiator.encrypt([2], paddedTo: 24)[...], nextRatchetKey: Fixed.ratchetKey(7))
            // One that is missing, then one that says so.
            _ = try joiner.encrypt([3], paddedTo: 24)
            _ = try initiator.decrypt(try joiner.encrypt([4], paddedTo: 24)[...], nextRatchetKey: Fixed.ratchetKey(8))
            return (joiner, initiator, try joiner.encrypt([5], paddedTo: 24))
        }
    }()
}

/// `message` is refused, and leaves everything as it was.
private func refuse(_ message: [UInt8], _ ratchet: Ratchet) {
    var after = ratchet
    let plain = try? after.decrypt(slice(message), nextRatchetKey: Fixed.ratchetKey(9))
    expect(plain == nil, "a message of nobody is read")
    expect(after == ratchet, "a refused message changes the state")
}

private func checkGarbage(_ bytes: [UInt8]) {
    refuse(bytes, Pair.both.initiator)
    refuse(bytes, Pair.both.joiner)
    guard let parameters = try? E2EParameters(decoding: slice(bytes)) else { return }
    // Keys of small order are refused; all others give ratchets.
    guard let joiner = try? AgreementKeys(key1: Fixed.ratchetKey(1), key2: Fixed.ratchetKey(2)).joiner(peer: parameters)
    else { return }
    expect((2...3).contains(joiner.version), "a ratchet of version \(joiner.version)")
}

private func checkStored(_ bytes: [UInt8]) {
    guard var ratchet = try? Ratchet(decoding: bytes) else { return }
    expect(ratchet.encoded() == bytes, "a stored ratchet prints otherwise")
    let before = ratchet
    // It may be of the same conversation.
    if (try? ratchet.decrypt(Pair.both.underWay[...], nextRatchetKey: Fixed.ratchetKey(9))) == nil {
        expect(ratchet == before, "a refused message changes the state")
    }
    ratchet.skipSending(by: Int(bytes.last ?? 0) & 3)
    let canSend = ratchet.canSend && ratchet.sendingNumber < .max
    expect(((try? ratchet.encrypt([1], paddedTo: 24)) != nil) == canSend, "a stored ratchet sends otherwise")
    let again = must("a ratchet that goes on") { try Ratchet(decoding: ratchet.encoded()) }
    expect(again == ratchet, "a ratchet that goes on reads otherwise")
}

/// Headers that the other side could have made, with any content, before bodies that nobody made.
private func checkAuthenticHeader(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    let ratchet = source.flag() ? Pair.both.initiator : Pair.both.joiner
    let keys = [ratchet.nextReceivingHeaderKey] + ratchet.known.map(\.headerKey)
    let key = source.pick(keys)
    let version = UInt16(source.u8() % 5)
    var header = WireWriter()
    if source.flag() {
        header.u16(source.u16())
        header.short(source.flag() ? Fixed.ratchetKey(source.u8() | 1).publicKey.spki : source.take(68))
        if version >= 3 { header.raw(source.flag() ? [0x30] : source.take(Int(source.u8()))) }
        // Far numbers take long to reach, so only some.
        for _ in 0..<2 { header.u32(source.flag() ? UInt32(source.u8()) : .max - UInt32(source.u8())) }
    }
    header.raw(source.take(Int(source.u8())))
    let padded = source.flag() ? try? WireWriter.pad(header.bytes, to: 88) : header.bytes
    let sealed = must("a header") {
        try AES256GCM.seal(
            padded ?? [], key: key, iv: Fixed.run(0, 16), associatedData: ratchet.associatedData)
    }
    var inner = WireWriter()
    inner.u16(version)
    inner.raw(Fixed.run(0, 16))
    inner.raw(sealed.tag)
    inner.variable(sealed.ciphertext)
    var message = WireWriter()
    message.variable(inner.bytes)
    message.raw(source.all())
    refuse(message.bytes, ratchet)
}

extension WireWriter {
    fileprivate mutating func variable(_ value: [UInt8]) {
        if (32...255).contains(value.count) { short(value) } else { long(value) }
    }
}

/// The message under way with some bytes changed.
private func checkDamaged(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    var message = Pair.both.underWay
    while !source.isEmpty, !message.isEmpty {
        let index = Int(source.u16()) % message.count
        switch source.u8() % 4 {
        case 0: message.remove(at: index)
        case 1: message.insert(source.u8(), at: index)
        default: message[index] ^= source.u8()
        }
    }
    // A header's length says the same in one byte as in two, and is all that is not authenticated.
    guard message != Pair.both.underWay, message != Array(Pair.both.underWay.dropFirst()) else {
        var initiator = Pair.both.initiator
        expect((try? initiator.decrypt(slice(message))) == [5], "an authentic message is refused")
        return
    }
    refuse(message, Pair.both.initiator)
}

/// Messages both ways, delivered late, twice, or not at all.
private struct Conversation {
    private var parties = [Pair.both.joiner, Pair.both.initiator]
    private var sent: [(to: Int, plain: [UInt8], message: [UInt8], isRead: Bool)] = []
    /// Numbers that no message has.
    private var passedOver = 0
    private var nextKey: UInt8 = 10

    mutating func step(_ source: inout ByteSource) {
        let choice = source.u8()
        let party = Int(choice >> 7)
        switch choice & 7 {
        case 0, 1, 2:
            let plain = [choice, UInt8(sent.count & 0xff)]
            let message = must("sending") { try parties[party].encrypt(plain, paddedTo: 24) }
            sent.append((1 - party, plain, message, false))
        case 3:
            let count = Int(source.u8()) & 31
            parties[party].skipSending(by: count)
            passedOver += count
        case 4: parties[party] = must("a stored ratchet") { try Ratchet(decoding: parties[party].encoded()) }
        default: deliver(Int(source.u8()))
        }
    }

    private mutating func deliver(_ choice: Int) {
        guard !sent.isEmpty else { return }
        let index = sent.count - 1 - choice % sent.count
        let (to, plain, message, isRead) = sent[index]
        let before = parties[to]
        nextKey = nextKey &+ 1 | 1
        do {
            let read = try parties[to].decrypt(slice(message), nextRatchetKey: Fixed.ratchetKey(nextKey))
            expect(read == plain && !isRead, "a message reads otherwise, or twice")
            sent[index].isRead = true
        } catch {
            expect(parties[to] == before, "a refused message changes the state")
            // Only so many numbers that were passed over are remembered.
            let isForgotten = passedOver + sent.count > Ratchet.skippedLimit
            expect(isRead || isForgotten, "an authentic message is refused: \(error)")
        }
        expect(parties[to].skippedCount <= Ratchet.skippedLimit, "too many skipped keys")
    }

    consuming func run(_ bytes: [UInt8]) {
        var conversation = self
        var source = ByteSource(Array(bytes.prefix(64)))
        while !source.isEmpty { conversation.step(&source) }
    }
}
