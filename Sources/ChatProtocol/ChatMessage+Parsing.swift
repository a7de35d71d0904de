extension ChatMessage {
    /// Parses a message. Its bodies are slices of `bytes`.
    ///
    /// Total for any input; nothing is allocated that the input does not hold, and never more than the limits of
    /// `ChatLimits` allow.
    public init(parsing bytes: ArraySlice<UInt8>) throws(ChatProtocolError) {
        guard bytes.count <= ChatLimits.message else {
            throw .messageTooLong(count: bytes.count, limit: ChatLimits.message)
        }
        var cursor = ChatCursor(bytes)
        var idNumber: ChatNumber?
        if cursor.peek != Letters.space { idNumber = try cursor.number(.messageID) }
        guard cursor.skip(Letters.space) else { throw .malformed(.messageID, offset: cursor.offset) }
        let event = try ChatMessage.event(&cursor)
        var parameters: [String] = []
        var descriptions: [ContentDescription] = []
        var bodies: [ArraySlice<UInt8>] = []
        var ending = Ending.missingSpaces(2)
        if cursor.skip(Letters.space) {
            parameters = try ChatMessage.parameters(&cursor)
            ending = .missingSpaces(1)
            if cursor.skip(Letters.space) {
                descriptions = try ChatMessage.descriptions(&cursor)
                guard cursor.offset <= ChatLimits.header else { throw .headerTooLong(limit: ChatLimits.header) }
                bodies = try ChatMessage.bodies(of: descriptions, &cursor)
                ending = cursor.skip(Letters.space) ? .extraSpace : .exact
            }
        }
        guard cursor.isAtEnd else { throw .trailingBytes(offset: cursor.offset) }
        var parts: [ContentPart] = []
        parts.reserveCapacity(descriptions.count)
        for (index, description) in descriptions.enumerated() {
            parts.append(ContentPart(description, body: index < bodies.count ? bodies[index] : nil))
        }
        self.init(idNumber: idNumber, event: event, parameters: parameters, parts: parts, ending: ending)
    }

    private static func event(_ cursor: inout ChatCursor) throws(ChatProtocolError) -> String {
        let start = cursor.position
        var names = 0
        repeat {
            guard !cursor.run(while: Letters.isAlpha).isEmpty else { throw .malformed(.event, offset: cursor.offset) }
            names += 1
        } while cursor.skip(Letters.dot)
        guard names >= 2, cursor.isAtEnd || cursor.peek == Letters.space else {
            throw .malformed(.event, offset: cursor.offset)
        }
        guard cursor.offset <= ChatLimits.header else { throw .headerTooLong(limit: ChatLimits.header) }
        return String(decoding: cursor.bytes[start..<cursor.position], as: UTF8.self)
    }

    /// `[parameter *("," parameter)]`
    private static func parameters(_ cursor: inout ChatCursor) throws(ChatProtocolError) -> [String] {
        guard let first = cursor.peek, first != Letters.space else { return [] }
        var parameters: [String] = []
        repeat {
            guard parameters.count < ChatLimits.parameters else {
                throw .tooMany(.parameter, limit: ChatLimits.parameters)
            }
            let parameter = cursor.run(while: Letters.isParameter)
            guard !parameter.isEmpty else { throw .malformed(.parameter, offset: cursor.offset) }
            guard cursor.offset <= ChatLimits.header else { throw .headerTooLong(limit: ChatLimits.header) }
            parameters.append(String(decoding: parameter, as: UTF8.self))
        } while cursor.skip(Letters.comma)
        guard cursor.isAtEnd || cursor.peek == Letters.space else {
            throw .malformed(.parameter, offset: cursor.offset)
        }
        return parameters
    }

    /// `[contentPart *("," contentPart)]`
    private static func descriptions(_ cursor: inout ChatCursor) throws(ChatProtocolError) -> [ContentDescription] {
        guard let first = cursor.peek, first != Letters.space else { return [] }
        var descriptions: [ContentDescription] = []
        repeat {
            guard descriptions.count < ChatLimits.parts else {
                throw .tooMany(.contentParts, limit: ChatLimits.parts)
            }
            descriptions.append(try ContentDescription(&cursor))
        } while cursor.skip(Letters.comma)
        guard cursor.isAtEnd || cursor.peek == Letters.space else {
            throw .malformed(.contentParts, offset: cursor.offset)
        }
        return descriptions
    }

    /// The bodies that are there: of all parts, or of the first ones where the message ends between two bodies.
    private static func bodies(
        of descriptions: [ContentDescription], _ cursor: inout ChatCursor
    ) throws(ChatProtocolError) -> [ArraySlice<UInt8>] {
        var bodies: [ArraySlice<UInt8>] = []
        for (index, description) in descriptions.enumerated() {
            // Here the message ends, or only a space too many is left: what follows is announced.
            if cursor.isAtEnd || cursor.count == 1 && cursor.peek == Letters.space && description.size > 0 { break }
            guard cursor.skip(Letters.space) else { throw .malformed(.body, offset: cursor.offset) }
            guard let size = Int(exactly: description.size), let body = cursor.take(size) else {
                throw .bodyIncomplete(part: index + 1, size: description.size, available: cursor.count)
            }
            bodies.append(body)
        }
        return bodies
    }
}
