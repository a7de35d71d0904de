import Primitives
import WireFormat

/// RFWD: a command of a client that hides behind another relay.
///
/// `"RFWD " box(proxy secret, nonce=corrId, S(fwdCorrId 24) u16 version PK(clientKey) T(et))`, where
/// `et = box(client secret, fwdCorrId, pad(block body, 16226))` holds one transmission. The answer is `"RRES "` with
/// both layers again, under nonces with their bytes reversed.
extension RelaySession {
    private static let paddedCount = 16226
    private static let boxLimit = 256

    /// The answer to a forwarded command; an error of this layer if it cannot be opened.
    mutating func forward(
        _ sealed: ArraySlice<UInt8>, _ correlation: ArraySlice<UInt8>, _ proxy: BoxKey?
    ) -> Answer {
        guard let proxy else { return Answer(ServerWord.prohibited) }
        guard correlation.count == BoxKey.nonceCount, let opened = try? proxy.open(sealed, nonce: correlation) else {
            return Answer(ServerWord.crypto)
        }
        guard let envelope = try? ForwardedEnvelope(opened[...]) else { return Answer(ServerWord.syntax) }
        guard let client = box(with: envelope.clientKey),
            let padded = try? client.open(envelope.sealed, nonce: envelope.correlation)
        else { return Answer(ServerWord.crypto) }
        guard let parts = try? Transmission.split(try WireReader.unpad(padded[...])), parts.count == 1,
            let transmission = try? Transmission(parts[0])
        else { return Answer(ServerWord.block) }
        let result = carryOut(transmission, version: envelope.version)
        var body = WireWriter(capacity: Self.paddedCount)
        body.u8(1)
        body.long(
            Transmission.encode(
                correlation: transmission.correlation, entity: transmission.entity, command: result.command))
        guard let answer = try? WireWriter.pad(body.bytes, to: Self.paddedCount) else {
            return Answer(ServerWord.block)
        }
        var inner = WireWriter(capacity: 32 + Self.paddedCount)
        inner.short(envelope.correlation)
        inner.raw(client.seal(answer, nonce: envelope.correlation.reversed()))
        var outer = WireWriter(capacity: 64 + Self.paddedCount)
        outer.tag("RRES ")
        outer.raw(proxy.seal(inner.bytes, nonce: correlation.reversed()))
        return Answer(outer.bytes, pushes: result.pushes)
    }

    private mutating func carryOut(_ transmission: Transmission, version: UInt16) -> Answer {
        do throws(ClientCommand.Defect) {
            switch try ClientCommand(transmission.command) {
            case .send(let notifies, let body): return send(notifies, body, transmission, version)
            case .secureBySender(let key): return secure(key, transmission)
            case .make, .recipient, .ping, .forward: return Answer(ServerWord.prohibited)
            }
        } catch {
            switch error {
            case .unknown: return Answer(ServerWord.unknown)
            case .syntax: return Answer(ServerWord.syntax)
            }
        }
    }

    private mutating func box(with key: X25519PublicKey) -> BoxKey? {
        if let box = forwardedBoxes[key] { return box }
        guard let box = try? BoxKey(sessionKey, key) else { return nil }
        if forwardedBoxes.count >= Self.boxLimit { forwardedBoxes.removeAll(keepingCapacity: true) }
        forwardedBoxes[key] = box
        return box
    }
}

private struct ForwardedEnvelope {
    let correlation: ArraySlice<UInt8>
    let version: UInt16
    let clientKey: X25519PublicKey
    let sealed: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) throws(WireError) {
        var reader = WireReader(bytes)
        correlation = try reader.short()
        guard correlation.count == BoxKey.nonceCount else { throw .unexpected(offset: 0) }
        version = try reader.u16()
        let at = reader.offset
        guard let key = try? X25519PublicKey(spki: try reader.short()) else { throw .unexpected(offset: at) }
        clientKey = key
        sealed = reader.rest()
    }
}
