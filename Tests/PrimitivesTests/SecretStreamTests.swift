import Primitives
import Testing

@Suite struct SecretStreamTests {
    private static let key = SecretBytes(0..<32)

    private static func sealed(_ pieces: [[UInt8]]) -> (header: [UInt8], pieces: [[UInt8]]) {
        var sealer = SecretStream.Sealer(key: key)
        var sealed: [[UInt8]] = []
        for (index, piece) in pieces.enumerated() {
            sealed.append(sealer.seal(piece, bound: index == 0 ? [1, 2] : [], isLast: index == pieces.count - 1))
        }
        return (sealer.header, sealed)
    }

    @Test("pieces are read back in their order, and the last says so")
    func roundTrip() throws {
        let pieces: [[UInt8]] = [[], [1], [UInt8](repeating: 7, count: 70_000), []]
        let (header, sealed) = Self.sealed(pieces)
        #expect(header.count == SecretStream.headerCount)
        var opener = try SecretStream.Opener(key: Self.key, header: header)
        for (index, piece) in sealed.enumerated() {
            #expect(piece.count == pieces[index].count + SecretStream.overhead)
            let (plain, isLast) = try opener.open(piece, bound: index == 0 ? [1, 2] : [])
            #expect(plain == pieces[index])
            #expect(isLast == (index == sealed.count - 1))
        }
    }

    @Test("another key, header, order, byte or bound is refused")
    func refusals() throws {
        let (header, sealed) = Self.sealed([[1, 2, 3], [4, 5]])
        func opens(_ key: SecretBytes, _ header: [UInt8], _ piece: [UInt8], _ bound: [UInt8] = [1, 2]) throws -> Bool {
            var opener = try SecretStream.Opener(key: key, header: header)
            do { _ = try opener.open(piece, bound: bound) } catch { return false }
            return true
        }
        #expect(try opens(Self.key, header, sealed[0]))
        #expect(try !opens(SecretBytes(1..<33), header, sealed[0]))
        #expect(try !opens(Self.key, header.map { $0 ^ 1 }, sealed[0]))
        #expect(try !opens(Self.key, header, sealed[0], [1]))
        #expect(try !opens(Self.key, header, sealed[1], []))
        #expect(try !opens(Self.key, header, []))
        for index in sealed[0].indices {
            var damaged = sealed[0]
            damaged[index] ^= 0x80
            #expect(try !opens(Self.key, header, damaged))
        }
    }

    @Test("a passphrase gives a key that depends on everything")
    func passphrase() throws {
        let cost = try #require(PassphraseKey.Cost(passes: 1, memory: 8 << 20))
        let salt = [UInt8](repeating: 9, count: PassphraseKey.saltCount)
        let key = try #require(PassphraseKey.derive(SecretBytes("words".utf8), salt: salt, cost: cost))
        #expect(key.count == 32)
        #expect(PassphraseKey.derive(SecretBytes("words".utf8), salt: salt, cost: cost) == key)
        #expect(PassphraseKey.derive(SecretBytes("Words".utf8), salt: salt, cost: cost) != key)
        #expect(PassphraseKey.derive(SecretBytes("words".utf8), salt: salt.map { $0 + 1 }, cost: cost) != key)
        let other = try #require(PassphraseKey.Cost(passes: 2, memory: 8 << 20))
        #expect(PassphraseKey.derive(SecretBytes("words".utf8), salt: salt, cost: other) != key)
        #expect(PassphraseKey.Cost(passes: 0, memory: 8 << 20) == nil)
        #expect(PassphraseKey.Cost(passes: 17, memory: 8 << 20) == nil)
        #expect(PassphraseKey.Cost(passes: 1, memory: 1 << 20) == nil)
        #expect(PassphraseKey.Cost(passes: 1, memory: 8 << 30) == nil)
    }
}
