public import ChatProtocol

/// Why a wish or a message was refused. Nothing has changed.
public enum GroupRefusal: Error, Hashable, Sendable {
    /// I am not in the group, or not yet, or no more.
    case notInGroup
    /// There is no such member.
    case noSuchMember(MemberID)
    /// The contact is in the group or invited.
    case alreadyMember(MemberID)
    /// Whoever wants it lacks the role: `needed` for `event`.
    case roleTooLow(MemberID, event: String, needed: MemberRole)
    /// Only the host may say `event`; this member is not.
    case notHost(MemberID, event: String)
    /// Only a member that I invited may say `event`; this one is not.
    case notInvitee(MemberID, event: String)
    /// `from` says `event` about a member that is known already.
    case duplicateMember(MemberID, event: String, from: MemberID)
    /// `from` forwards the invitation of a member that it has not announced.
    case unannounced(MemberID, from: MemberID)
    /// `from` says `event` about a member who is not in the group any more.
    case departed(MemberID, event: String, from: MemberID)
    /// `from` says `event` about an introduction that is not at this point.
    case unexpected(event: String, from: MemberID)
    /// Who joins is not who was invited.
    case wrongMember(expected: MemberID)
    /// Who joins says that it has another role than its host said.
    case wrongRole(MemberID, expected: MemberRole)
    /// `event` belongs on another connection.
    case wrongConnection(event: String, from: MemberID)
    /// x.info.probe.ok from a contact that was not asked for that probe.
    case unproven(contact: Int64)
    /// The group is full.
    case tooManyMembers(limit: Int)
    /// What is stored of the group cannot be read.
    case checkpointDamaged
    /// What is stored of the group is of a newer version.
    case checkpointNewer(UInt8)
}

extension GroupRefusal: CustomStringConvertible {
    /// One lower-case sentence without any text of a peer.
    public var description: String {
        switch self {
        case .notInGroup: "not in this group: join it first, or ask to be invited again"
        case .noSuchMember(let member): "no member \(member.text) in this group"
        case .alreadyMember(let member): "already in this group as member \(member.text)"
        case .roleTooLow(let member, let event, let needed):
            "member \(member.text) is not allowed \(event): that takes the role \(needed.rawValue)"
        case .notHost(let member, let event): "\(event) from member \(member.text), who is not the host"
        case .notInvitee(let member, let event): "\(event) from member \(member.text), whom we did not invite"
        case .duplicateMember(let member, let event, let from):
            "\(event) from member \(from.text) about member \(member.text), who is known already"
        case .unannounced(let member, let from):
            "member \(from.text) forwards an invitation of member \(member.text) without having announced that member"
        case .departed(let member, let event, let from):
            "\(event) from member \(from.text) about member \(member.text), who is not in the group any more"
        case .unexpected(let event, let from): "\(event) from member \(from.text) out of turn"
        case .wrongMember(let expected): "somebody else than member \(expected.text) joins in that member's place"
        case .wrongRole(let member, let expected):
            "member \(member.text) does not say that its role is \(expected.rawValue), as its host did"
        case .wrongConnection(let event, let from): "\(event) from member \(from.text) on the wrong connection"
        case .unproven(let contact): "contact \(contact) confirms a probe that it was not asked for"
        case .tooManyMembers(let limit): "a group has at most \(limit) members"
        case .checkpointDamaged: "the stored state of a group is damaged"
        case .checkpointNewer(let version): "the stored state of a group is of version \(version): use a newer sxfile"
        }
    }
}
