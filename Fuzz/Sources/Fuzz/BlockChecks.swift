import Primitives
import SMPProtocol
import WireFormat

private let versions: [UInt16] = [9, 11, 14, 15, 16, 17, 18]

func checkBlock(_ bytes: [UInt8]) {
    let version = versions[Int(bytes.first ?? 0) % versions.count]
    let body = Array(bytes.dropFirst())
    checkTransmission(body, version: version)
    guard let transmissions = try? BlockBody.decode(slice(body)) else { return }
    expect(BlockBody.encode(transmissions.map { Array($0) }) == body, "a block prints otherwise")
    for transmission in transmissions { checkTransmission(Array(transmission), version: version) }
}

private func checkTransmission(_ bytes: [UInt8], version: UInt16) {
    guard let transmission = try? Transmission(slice(bytes), version: version) else { return }
    var writer = WireWriter()
    writer.short(transmission.correlationID)
    writer.short(transmission.entityID)
    writer.raw(transmission.command)
    expect(writer.bytes == Array(transmission.signedPart), "what is signed is not what is read")
    expect(Array(bytes.suffix(writer.bytes.count)) == writer.bytes, "a transmission does not end with what is signed")
    if version < 16 || transmission.authorization.isEmpty {
        var whole = WireWriter()
        whole.short(transmission.authorization)
        expect(whole.bytes + writer.bytes == bytes, "a transmission prints otherwise")
    }
    for key in [AuthKey.ed25519(Fixed.leaf.publicKey), .x25519(Fixed.client.publicKey)] {
        // Nothing here knows the private keys.
        let isAuthorized = transmission.isAuthorized(by: key, sessionID: Fixed.session, box: Fixed.box)
        expect(!isAuthorized, "authorized by chance")
    }
    checkWords(Array(transmission.command), version: version)
}

func checkCommand(_ bytes: [UInt8]) {
    let version = versions[Int(bytes.first ?? 0) % versions.count]
    checkWords(Array(bytes.dropFirst()), version: version)
}

private func checkWords(_ bytes: [UInt8], version: UInt16) {
    if let command = try? ClientCommand(slice(bytes)) {
        for version in SMP.relayVersions {
            var writer = WireWriter()
            command.write(&writer, version: version)
            expect(writer.bytes == bytes, "a command prints otherwise in version \(version)")
        }
        checkBuilder(command, version: version)
    }
    guard let response = try? ServerResponse(slice(bytes), version: version) else { return }
    if case .error(let error) = response, error.text.utf8.count > 1024 { return }
    var writer = WireWriter()
    response.write(&writer)
    let again = must("an answer prints what is refused") {
        try ServerResponse(slice(writer.bytes), version: SMP.relayVersions.upperBound)
    }
    expect(again == response, "an answer reads otherwise")
    checkBuilder(response)
}

/// The block that is written in place is the one that is put together from pieces.
private func checkBuilder(_ command: ClientCommand, version: UInt16) {
    let session = BlockBuilder.Session(id: Fixed.session, serverKey: Fixed.server.publicKey, version: version)
    var builder = BlockBuilder()
    var pieces: [[UInt8]] = []
    for authorization in [Authorization.none, .ed25519(Fixed.leaf), .box(Fixed.box)] {
        let isIn = must("a command without a key") {
            try builder.append(
                command, correlationID: Fixed.nonce, entityID: Fixed.nonce, authorization: authorization,
                session: session)
        }
        guard isIn else { continue }
        pieces.append(
            must("a command without a key") {
                try Transmission.command(
                    command, correlationID: Fixed.nonce, entityID: Fixed.nonce, authorization: authorization,
                    sessionID: Fixed.session, serverKey: Fixed.server.publicKey, version: version)
            })
    }
    compare(&builder, pieces)
}

private func checkBuilder(_ response: ServerResponse) {
    var builder = BlockBuilder()
    var pieces: [[UInt8]] = []
    for _ in 0..<2
    where builder.append(response, correlationID: Fixed.nonce[...], entityID: Fixed.nonce[...]) {
        pieces.append(
            Transmission.response(response, correlationID: Fixed.nonce[...], entityID: Fixed.nonce[...]))
    }
    compare(&builder, pieces)
}

private func compare(_ builder: inout BlockBuilder, _ pieces: [[UInt8]]) {
    expect(builder.count == pieces.count, "a block counts wrongly")
    guard !pieces.isEmpty else { return }
    var cipher = BlockCipher()
    let block = cipher.seal(&builder)
    let other = must("a block of its own size") { try cipher.seal(BlockBody.encode(pieces)) }
    expect(block == other, "a block written in place differs")
}

func checkHello(_ bytes: [UInt8]) {
    if let hello = try? ServerHello(slice(bytes)) {
        let again = must("a relay's hello") { try ServerHello(slice(hello.encoded())) }
        expect(again == hello, "a relay's hello reads otherwise")
        checkTail(hello.tail)
    }
    if let hello = try? ClientHello(slice(bytes)) {
        let again = must("a client's hello") { try ClientHello(slice(hello.encoded())) }
        expect(again == hello, "a client's hello reads otherwise")
        checkTail(hello.tail)
    }
    checkTail(bytes)
    let leaf = AuthKey.ed25519(Fixed.leaf.publicKey)
    if let key = try? SignedKey.open(slice(bytes), leaf: leaf) {
        expect(SignedKey.make(key, leaf: Fixed.leaf) == bytes, "a signed key prints otherwise")
    }
    if let key = try? X25519PublicKey(raw: bytes.prefix(32)) {
        let opened = must("a signed key") { try SignedKey.open(SignedKey.make(key, leaf: Fixed.leaf), leaf: leaf) }
        expect(opened == key, "a signed key reads otherwise")
    }
}

private func checkTail(_ tail: [UInt8]) {
    guard let window = DeliveryWindow(tail: tail) else { return }
    expect(window.messages > 0, "a window without messages")
    expect(DeliveryWindow(tail: window.encoded()) == window, "a window reads otherwise")
    let common = window.common(with: .offered)
    expect(common.messages <= DeliveryWindow.offered.messages, "a window wider than what was offered")
}
