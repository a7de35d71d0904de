import AgentLink
import SMPProtocol

/// A link that a user pasted, checked before anything is recorded.
struct InvitationText: Sendable {
    /// The link, without white space.
    let text: String
    /// The relays that it names, as a setting.
    let relays: String

    /// - Throws: `badLink`.
    init(_ pasted: String) throws(EngineError) {
        let plain = pasted.split(whereSeparator: \.isWhitespace).joined()
        let link: ConnectionLink
        do { link = try ConnectionLink(plain) } catch { throw .badLink("\(error)") }
        do { try AgentLink.check(link: plain) } catch {
            if case .badLink(let what) = error { throw .badLink(what) }
            throw .link(error)
        }
        text = plain
        relays = Self.queues(of: link).map { "\($0.server)" }.joined(separator: ",")
    }

    /// The relays in a stored link.
    static func servers(in text: String) -> [String] {
        guard let link = try? ConnectionLink(text) else { return [] }
        return queues(of: link).map { "\($0.server)" }
    }

    private static func queues(of link: ConnectionLink) -> [QueueURI] {
        switch link {
        case .invitation(let queues, _, _), .contact(let queues, _): queues
        }
    }
}
