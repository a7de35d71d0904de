import Primitives

/// The format of an exported profile.
///
///     archive = "sxfile export 1\n" passes:u64 memory:u64 salt:16 header:24 *sealed(65536) sealed(rest, last)
///     content = *( name-length:u8 name size:u64 bytes )
///
/// Numbers are big-endian. The key is Argon2id of the passphrase with the salt, passes and memory named; the pieces are
/// libsodium's secretstream (XChaCha20-Poly1305) of the content, 65536 bytes each but the last; the first vouches for
/// everything before `header` too.
enum ProfileArchive {
    static let magic = Array("sxfile export 1\n".utf8)
    static let pieceCount = 65_536
    /// Everything before the stream's own header.
    static let prefixCount = magic.count + 16 + PassphraseKey.saltCount

    static func prefix(_ cost: PassphraseKey.Cost, salt: [UInt8]) -> [UInt8] {
        magic + number(cost.passes) + number(cost.memory) + salt
    }

    /// What a prefix says; nil if it is none of ours.
    static func cost(_ prefix: [UInt8]) -> (cost: PassphraseKey.Cost, salt: [UInt8])? {
        guard prefix.count == prefixCount, prefix.starts(with: magic) else { return nil }
        let numbers = prefix.dropFirst(magic.count)
        let passes = numbers.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let memory = numbers.dropFirst(8).prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return PassphraseKey.Cost(passes: passes, memory: memory).map { ($0, Array(numbers.dropFirst(16))) }
    }

    static func number(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    /// Splits content into entries as it comes. A value: no file is touched.
    struct Reader {
        enum Event: Equatable {
            /// The next file begins.
            case file(String, size: UInt64)
            /// Some of its bytes.
            case bytes([UInt8])
            /// It is whole.
            case end
        }

        private var buffer: [UInt8] = []
        private var left: UInt64?

        /// Whether the content may end here.
        var isBetweenFiles: Bool { left == nil && buffer.isEmpty }

        mutating func take(_ bytes: [UInt8]) -> [Event] {
            buffer += bytes
            var events: [Event] = []
            var index = 0
            while true {
                if let size = left {
                    let count = Int(min(size, UInt64(buffer.count - index)))
                    if count > 0 { events.append(.bytes(Array(buffer[index..<(index + count)]))) }
                    index += count
                    left = size - UInt64(count)
                    guard left == 0 else { break }
                    left = nil
                    events.append(.end)
                }
                guard index < buffer.count else { break }
                let nameCount = Int(buffer[index])
                guard buffer.count - index >= 1 + nameCount + 8 else { break }
                let name = String(decoding: buffer[(index + 1)..<(index + 1 + nameCount)], as: UTF8.self)
                let size = buffer[(index + 1 + nameCount)..<(index + 9 + nameCount)].reduce(0 as UInt64) {
                    $0 << 8 | UInt64($1)
                }
                index += 9 + nameCount
                left = size
                events.append(.file(name, size: size))
            }
            buffer.removeFirst(index)
            return events
        }
    }
}
