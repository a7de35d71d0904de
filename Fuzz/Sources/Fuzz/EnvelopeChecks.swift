import Primitives
import SMPProtocol
import WireFormat

/// The content of encrypted layers is whatever an authenticated peer puts there: it is sealed here, then read.
func checkEnvelope(_ bytes: [UInt8]) {
    let content = Array(bytes.dropFirst())
    switch (bytes.first ?? 0) % 5 {
    case 0: checkOutside(content)
    case 1: checkInside(content)
    case 2: checkSealing(content)
    case 3: checkDelivery(content)
    default: checkCipher(content)
    }
}

private func checkOutside(_ bytes: [UInt8]) {
    guard let envelope = try? QueueEnvelope(slice(bytes)) else { return }
    expect((try? envelope.open(Fixed.box)) == nil, "a SEND body opened by chance")
    if let key = envelope.senderKey { _ = try? BoxKey(Fixed.server, key) }
}

/// What `sealed` is behind the head of a SEND body.
private func body(_ sealed: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.u16(4)
    writer.tag("0")
    writer.raw(Fixed.nonce)
    writer.raw(sealed)
    return writer.bytes
}

private func checkInside(_ padded: [UInt8]) {
    let envelope = must("the head of a SEND body") {
        try QueueEnvelope(slice(body(Fixed.box.seal(padded, nonce: Fixed.nonce))))
    }
    guard let content = try? envelope.open(Fixed.box) else { return }
    let key = content.authorizationKey.map { [UInt8(ascii: "K"), UInt8($0.spki.count)] + $0.spki }
    var writer = WireWriter()
    writer.long((key ?? [UInt8(ascii: "_")]) + content.envelope)
    expect(Array(padded.prefix(writer.bytes.count)) == writer.bytes, "a SEND body prints otherwise")
}

private func checkSealing(_ bytes: [UInt8]) {
    let choice = bytes.first ?? 0
    let content = bytes.dropFirst()
    guard
        let sealed = try? QueueEnvelope.seal(
            content, key: Fixed.box, senderKey: choice & 1 == 1 ? Fixed.client.publicKey : nil,
            authorizationKey: choice & 2 == 2 ? .x25519(Fixed.client.publicKey) : nil, nonce: Fixed.nonce)
    else {
        expect(content.count > 15_000, "a short SEND body is refused")
        return
    }
    let opened = must("a SEND body") { try QueueEnvelope(slice(sealed)).open(Fixed.box) }
    expect(opened.envelope == content, "a SEND body reads otherwise")
    var damaged = sealed
    damaged[Int(choice) * 61 % sealed.count] ^= 1
    // A flipped bit in the version, or in the key, shows elsewhere.
    guard damaged.dropFirst(3 + 45).elementsEqual(sealed.dropFirst(3 + 45)) else {
        expect((try? QueueEnvelope(slice(damaged)).open(Fixed.box)) == nil, "a damaged SEND body opens")
        return
    }
}

private func checkDelivery(_ padded: [UInt8]) {
    let sealed = Fixed.box.seal(padded, nonce: Fixed.nonce)
    guard let delivery = try? Delivery.open(slice(sealed), key: Fixed.box, messageID: Fixed.nonce) else { return }
    let again = must("a delivery") { try delivery.sealed(Fixed.box, messageID: Fixed.nonce) }
    let opened = must("a delivery") { try Delivery.open(slice(again), key: Fixed.box, messageID: Fixed.nonce) }
    expect(opened == delivery, "a delivery reads otherwise")
    var builder = BlockBuilder()
    let isIn = must("a delivery in a block") {
        try builder.append(delivery, key: Fixed.box, messageID: Fixed.nonce, entityID: Fixed.nonce)
    }
    var other = BlockBuilder()
    let isInOther = other.append(
        .message(id: Fixed.nonce, body: again[...]), correlationID: [], entityID: Fixed.nonce[...])
    var cipher = BlockCipher()
    expect(isIn && isInOther && cipher.seal(&builder) == cipher.seal(&other), "a delivery sealed in place differs")
}

private func checkCipher(_ bytes: [UInt8]) {
    let secret = SecretBytes(Fixed.run(7))
    var client = BlockCipher(sharedSecret: secret, sessionID: Fixed.session, side: .client)
    var server = BlockCipher(sharedSecret: secret, sessionID: Fixed.session, side: .server)
    if let body = try? BlockCipher().opened(bytes) {
        expect(body.count + 2 <= bytes.count, "a block's body is longer than the block")
    }
    expect((try? server.open(bytes)) == nil, "a block opened by chance")
    for _ in 0..<2 {
        let block = must("a block") { try client.seal(bytes) }
        expect(block.count == SMP.blockSize, "a block of \(block.count) bytes")
        let body = must("a block") { try server.open(block) }
        expect(Array(body) == bytes, "a block reads otherwise")
        expect((try? server.open(block)) == nil, "a block opened twice")
    }
}

extension BlockCipher {
    fileprivate consuming func opened(_ block: [UInt8]) throws -> ArraySlice<UInt8> {
        var cipher = self
        return try cipher.open(block)
    }
}
