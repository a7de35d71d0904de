import WireFormat

/// Takes parameters and bodies out of a message, and says what is missing or wrong in it.
struct EventReader {
    let message: ChatMessage
    /// The event's name, for errors: one that we know.
    let event: String

    var parameterCount: Int { message.parameters.count }

    func parameter(_ index: Int, _ what: String) throws(ChatProtocolError) -> String {
        guard index < message.parameters.count else { throw .missing(what, event: event) }
        return message.parameters[index]
    }

    /// Free text, percent-decoded.
    func text(_ index: Int, _ what: String) throws(ChatProtocolError) -> String {
        guard let text = PercentEncoding.decode(try parameter(index, what)) else { throw .invalid(what, event: event) }
        return text
    }

    /// An invitation link that is handed on, in a message with other things beside it.
    func link(_ index: Int, _ what: String) throws(ChatProtocolError) -> String {
        let link = try text(index, what)
        guard link.utf8.count <= 8192 else { throw .invalid(what, event: event) }
        return link
    }

    func number(_ index: Int, _ what: String) throws(ChatProtocolError) -> Int64 {
        guard let number = ChatNumber.shortest(try parameter(index, what)) else { throw .invalid(what, event: event) }
        return number
    }

    /// A number, and a second one behind a dot if there is one.
    func position(_ index: Int, _ what: String) throws(ChatProtocolError) -> (Int64, Int64?) {
        let numbers = try parameter(index, what).split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count <= 2, let first = ChatNumber.shortest(numbers[0]) else {
            throw .invalid(what, event: event)
        }
        guard numbers.count == 2 else { return (first, nil) }
        guard let second = ChatNumber.shortest(numbers[1]) else { throw .invalid(what, event: event) }
        return (first, second)
    }

    /// The id of the message that this one refers to.
    func reference() throws(ChatProtocolError) -> Int64 { try number(0, "message reference") }

    /// 32 bytes in base64.
    func hash(
        _ index: Int, _ what: String, _ alphabet: Base64.Alphabet
    ) throws(ChatProtocolError) -> [UInt8] {
        guard let bytes = Base64.decode(try parameter(index, what), alphabet), bytes.count == 32 else {
            throw .invalid(what, event: event)
        }
        return bytes
    }

    func member(_ index: Int) throws(ChatProtocolError) -> MemberID {
        guard let member = MemberID(try parameter(index, "member id")) else {
            throw .invalid("member id", event: event)
        }
        return member
    }

    func role(_ index: Int) throws(ChatProtocolError) -> MemberRole {
        guard let role = MemberRole(rawValue: try parameter(index, "role")) else {
            throw .invalid("role", event: event)
        }
        return role
    }

    /// The first x.text; nil if there is none.
    func bodyText(_ what: String) throws(ChatProtocolError) -> String? {
        guard let body = message.body(.text) else { return nil }
        guard let text = String(validating: body, as: UTF8.self) else { throw .invalid(what, event: event) }
        return text
    }

    /// The bytes of the first x.json.
    func jsonBody() throws(ChatProtocolError) -> ArraySlice<UInt8> {
        guard let body = message.body(.json) else { throw .missing("JSON", event: event) }
        return body
    }

    func json() throws(ChatProtocolError) -> JSONValue { try JSONValue(parsing: try jsonBody()) }

    func profile() throws(ChatProtocolError) -> Profile { try Profile(try json(), event: event) }

    func description(from index: Int) throws(ChatProtocolError) -> MemberDescription {
        MemberDescription(member: try member(index), role: try role(index + 1), profile: try profile())
    }

    /// The content parts, of which every x.text is UTF-8.
    func parts() throws(ChatProtocolError) -> [ContentPart] {
        for part in message.parts where part.type == .text {
            guard let body = part.body else { continue }
            guard String(validating: body, as: UTF8.self) != nil else { throw .invalid("text", event: event) }
        }
        return message.parts
    }
}
