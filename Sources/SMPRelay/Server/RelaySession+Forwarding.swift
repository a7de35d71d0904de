import Primitives
import SMPProtocol
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
        guard let proxy else { return Answer(.command(.prohibited)) }
        guard correlation.count == SMP.nonceSize, let opened = try? proxy.open(sealed, nonce: correlation) else {
            return Answer(.crypto)
        }
        guard let envelope = try? ForwardedEnvelope(opened[...]) else { return Answer(.command(.syntax)) }
        guard let client = box(with: envelope.clientKey),
            let padded = try? client.open(envelope.sealed, nonce: envelope.correlation)
        else { return Answer(.crypto) }
        guard let content = try? WireReader.unpad(padded[...]), let parts = try? BlockBody.decode(content),
            parts.count == 1, let transmission = try? Transmission(parts[0], version: envelope.version)
        else { return Answer(.block) }
        let result = carryOut(transmission, version: envelope.version)
        let response = Transmission.response(
            result.response, correlationID: transmission.correlationID, entityID: transmission.entityID)
        guard let answer = try? WireWriter.pad(BlockBody.encode([response]), to: Self.paddedCount) else {
            return Answer(.block)
        }
        var inner = WireWriter(capacity: 64 + Self.paddedCount)
        inner.short(envelope.correlation)
        inner.raw(client.seal(answer, nonce: Array(envelope.correlation.reversed())))
        let outer = proxy.seal(inner.bytes, nonce: Array(correlation.reversed()))
        return Answer(.forwarded(outer[...]), pushes: result.pushes)
    }

    private mutating func carryOut(_ transmission: Transmission, version: UInt16) -> Answer {
        let command: ClientCommand
        do { command = try ClientCommand(transmission.command) } catch { return Answer(SMPServerError(error)) }
        switch command {
        case .send(let notifies, let body):
            return send(notifies, body, transmission, version: version, isForwarded: true)
        case .secureBySender(let key): return secure(key, transmission)
        case .new, .subscribe, .secure, .acknowledge, .get, .suspend, .delete, .ping, .forwarded:
            return Answer(.command(.prohibited))
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
        guard correlation.count == SMP.nonceSize else { throw .unexpected(offset: 0) }
        version = try reader.u16()
        let at = reader.offset
        guard let key = try? X25519PublicKey(spki: try reader.short()) else { throw .unexpected(offset: at) }
        clientKey = key
        sealed = reader.rest()
    }
}
