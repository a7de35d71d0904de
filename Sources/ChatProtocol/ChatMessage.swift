/// A chat message of any event, known or not, in the shape of the grammar:
/// `[id] SP event SP [parameters] SP [parts [SP bodies]]`.
///
/// What was parsed prints back byte for byte. Bodies share the storage of the input.
public struct ChatMessage: Hashable, Sendable {
    /// How a message that was parsed differs from the grammar at its end.
    public enum Ending: Hashable, Sendable {
        /// As the grammar has it; the only form that we send.
        case exact
        /// One space less, or two where there are neither parameters nor parts: the seed's `9 x.msg.delete 3`.
        case missingSpaces(Int)
        /// One space more: the seed's `3 x.msg.new c.text x.text:5 hello `.
        case extraSpace
    }

    /// The number by which later messages refer to this one, as written.
    public let idNumber: ChatNumber?
    /// The event: names of letters joined by dots, at least two.
    public let event: String
    /// The parameters as they stand, still percent-encoded; each has at least one byte.
    public let parameters: [String]
    /// The content parts. Those with a body come before those that are announced.
    public let parts: [ContentPart]
    /// How the message ends.
    public let ending: Ending

    /// The number by which later messages refer to this one.
    public var id: Int64? { idNumber?.value }

    /// Parses a message.
    public init(parsing bytes: [UInt8]) throws(ChatProtocolError) { try self.init(parsing: bytes[...]) }

    /// A message of our own, checked against the grammar and the limits.
    ///
    /// A body behind an announced part is our own mistake and traps.
    public init(
        id: Int64? = nil, event: String, parameters: [String] = [], parts: [ContentPart] = []
    ) throws(ChatProtocolError) {
        let bodies = parts.prefix { $0.body != nil }.count
        precondition(parts[bodies...].allSatisfy { $0.body == nil }, "bodies come before announced parts")
        guard ChatMessage.isEvent(event) else { throw .invalid("name", event: "event") }
        for parameter in parameters {
            guard !parameter.isEmpty, parameter.utf8.allSatisfy(Letters.isParameter) else {
                throw .invalid("parameter", event: event)
            }
        }
        guard parameters.count <= ChatLimits.parameters else {
            throw .tooMany(.parameter, limit: ChatLimits.parameters)
        }
        guard parts.count <= ChatLimits.parts else { throw .tooMany(.contentParts, limit: ChatLimits.parts) }
        self.init(idNumber: id.map(ChatNumber.init), event: event, parameters: parameters, parts: parts, ending: .exact)
        let headerCount = header().count
        guard headerCount <= ChatLimits.header else { throw .headerTooLong(limit: ChatLimits.header) }
        let count = headerCount + parts.reduce(0) { $0 + ($1.body.map { $0.count + 1 } ?? 0) }
        guard count <= ChatLimits.message else { throw .messageTooLong(count: count, limit: ChatLimits.message) }
    }

    init(idNumber: ChatNumber?, event: String, parameters: [String], parts: [ContentPart], ending: Ending) {
        self.idNumber = idNumber
        self.event = event
        self.parameters = parameters
        self.parts = parts
        self.ending = ending
    }

    /// `1*ALPHA 1*("." 1*ALPHA)`
    private static func isEvent(_ name: String) -> Bool {
        let names = name.utf8.split(separator: Letters.dot, omittingEmptySubsequences: false)
        return names.count >= 2 && names.allSatisfy { !$0.isEmpty && $0.allSatisfy(Letters.isAlpha) }
    }

    /// The first part of `type` that has its body; nil if there is none.
    public func body(_ type: ContentType) -> ArraySlice<UInt8>? {
        for part in parts where part.type == type {
            if let body = part.body { return body }
        }
        return nil
    }

    /// The same message with the hash of every body, by `digest` (SHA-256, 32 bytes).
    public func hashed(by digest: (ArraySlice<UInt8>) -> [UInt8]) -> ChatMessage {
        ChatMessage(
            idNumber: idNumber, event: event, parameters: parameters, parts: parts.map { $0.hashed(by: digest) },
            ending: ending)
    }

    /// The first part, counted from 1, whose body does not have its hash by `digest` (SHA-256); nil if all do.
    public func damagedPart(by digest: (ArraySlice<UInt8>) -> [UInt8]) -> Int? {
        parts.firstIndex { !$0.isIntact(by: digest) }.map { $0 + 1 }
    }

    /// The message as bytes.
    public func encoded() -> [UInt8] {
        var bytes = header()
        bytes.reserveCapacity(bytes.count + parts.reduce(1) { $0 + ($1.body?.count ?? 0) + 1 })
        for part in parts {
            guard let body = part.body else { break }
            bytes.append(Letters.space)
            bytes.append(contentsOf: body)
        }
        if ending == .extraSpace { bytes.append(Letters.space) }
        return bytes
    }

    /// Everything before the space in front of the first body.
    private func header() -> [UInt8] {
        var bytes: [UInt8] = []
        idNumber?.append(to: &bytes)
        bytes.append(Letters.space)
        bytes.append(contentsOf: event.utf8)
        bytes.append(Letters.space)
        for (index, parameter) in parameters.enumerated() {
            if index > 0 { bytes.append(Letters.comma) }
            bytes.append(contentsOf: parameter.utf8)
        }
        bytes.append(Letters.space)
        for (index, part) in parts.enumerated() {
            if index > 0 { bytes.append(Letters.comma) }
            part.description.append(to: &bytes)
        }
        if case .missingSpaces(let count) = ending { bytes.removeLast(count) }
        return bytes
    }
}
