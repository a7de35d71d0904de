/// What an x.msg.file says in front of its bytes: `ref,part.number x.file:length[:hash]`.
public struct FileChunk: Hashable, Sendable {
    /// The number of this message itself; nil on a file connection.
    public var id: Int64?
    /// The number of the message that offered or announced the file.
    public var reference: Int64
    /// Which of its parts, counted from 1.
    public var part: UInt64
    /// Which chunk of that part, counted from 1.
    public var number: UInt64
    /// Bytes of the chunk, at most 1 MiB.
    public var length: Int
    /// The SHA-256 of the chunk; nil if the sender gave none.
    public var hash: [UInt8]?

    /// A chunk. A length outside 0…1 MiB, a number 0, or a hash of another length than 32 is our own mistake and traps.
    public init(
        id: Int64? = nil, reference: Int64, part: UInt64 = 1, number: UInt64, length: Int, hash: [UInt8]?
    ) {
        precondition((0...ChatLimits.chunk).contains(length), "a chunk has at most 1 MiB")
        precondition(hash.map { $0.count == 32 } ?? true, "a chunk's hash has 32 bytes")
        precondition(FileChunk.isNumber(part) && FileChunk.isNumber(number), "parts and chunks count from 1")
        self.id = id
        self.reference = reference
        self.part = part
        self.number = number
        self.length = length
        self.hash = hash
    }

    private static func isNumber(_ number: UInt64) -> Bool { number >= 1 && number <= UInt64(Int64.max) }

    /// The chunk's message up to its body, the space in front of it included. The message is this and the body.
    public var header: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        if let id { ChatNumber(id).append(to: &bytes) }
        bytes.append(contentsOf: " x.msg.file ".utf8)
        ChatNumber(reference).append(to: &bytes)
        bytes.append(Letters.comma)
        bytes.append(contentsOf: String(part).utf8)
        bytes.append(Letters.dot)
        bytes.append(contentsOf: String(number).utf8)
        bytes.append(Letters.space)
        ContentDescription(.file, size: Int64(length), hash: hash).append(to: &bytes)
        bytes.append(Letters.space)
        return bytes
    }

    /// Reads a header without looking at the body, which need not be there yet: `message` may be the first segment.
    ///
    /// nil if the message is none of x.msg.file in exactly this form, or its header does not end within `message`;
    /// `ChatMessage` then says what it is. The body begins `bodyOffset` bytes after the message's start and has
    /// `chunk.length` bytes; a chunk message has no more than one byte behind it, a space.
    public static func parseHeader(_ message: ArraySlice<UInt8>) -> (chunk: FileChunk, bodyOffset: Int)? {
        var cursor = ChatCursor(message)
        var id: Int64?
        if cursor.peek != Letters.space {
            guard let number = try? cursor.number(.messageID), number.leadingZeros == 0 else { return nil }
            id = number.value
        }
        guard cursor.skip(" x.msg.file ") else { return nil }
        guard let reference = shortest(&cursor), cursor.skip(Letters.comma) else { return nil }
        guard let part = shortest(&cursor), part >= 1, cursor.skip(Letters.dot) else { return nil }
        guard let number = shortest(&cursor), number >= 1, cursor.skip(" x.file:") else { return nil }
        guard let length = shortest(&cursor), length <= ChatLimits.chunk else { return nil }
        var hash: [UInt8]?
        if cursor.skip(Letters.colon) {
            guard let digest = try? ContentDescription.hash(&cursor) else { return nil }
            hash = digest
        }
        guard cursor.skip(Letters.space) else { return nil }
        let chunk = FileChunk(
            id: id, reference: reference, part: UInt64(part), number: UInt64(number), length: Int(length), hash: hash)
        return (chunk, cursor.offset)
    }

    /// Reads a whole chunk message; the body is a slice of it. nil if it is none in exactly this form.
    public static func parse(_ message: ArraySlice<UInt8>) -> (chunk: FileChunk, body: ArraySlice<UInt8>)? {
        guard let (chunk, offset) = parseHeader(message) else { return nil }
        var cursor = ChatCursor(message.dropFirst(offset))
        guard let body = cursor.take(chunk.length) else { return nil }
        _ = cursor.skip(Letters.space)
        return cursor.isAtEnd ? (chunk, body) : nil
    }

    private static func shortest(_ cursor: inout ChatCursor) -> Int64? {
        guard let number = try? cursor.number(.parameter), number.leadingZeros == 0 else { return nil }
        return number.value
    }

    /// The parameter `part.number`; nil unless both are from 1 on and in their shortest form.
    static func position(_ parameter: String) -> (part: UInt64, number: UInt64)? {
        let numbers = parameter.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 2, let part = ChatNumber.shortest(numbers[0]), part >= 1,
            let number = ChatNumber.shortest(numbers[1]), number >= 1
        else { return nil }
        return (UInt64(part), UInt64(number))
    }
}
