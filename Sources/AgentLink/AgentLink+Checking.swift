import DoubleRatchet
import SMPProtocol

extension AgentLink {
    /// Reads a link and everything in it, before anything is recorded for it.
    /// - Throws: `badLink`.
    public static func check(link text: String) throws(AgentLinkError) {
        let link: ConnectionLink
        do { link = try ConnectionLink(text) } catch { throw .badLink("\(error)") }
        switch link {
        case .invitation(_, let parameters, _):
            do { _ = try E2EParameters(text: parameters) } catch { throw .badLink("\(error)") }
        case .contact: break
        }
    }
}
