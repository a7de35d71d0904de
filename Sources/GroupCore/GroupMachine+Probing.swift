import ChatProtocol
import Primitives

/// A check of a probe that has not come yet.
struct EarlyCheck: Hashable, Sendable {
    /// The most that are kept, of all contacts and of one.
    static let most = 64
    static let mostOfOne = 8

    let contact: KnownContact
    let hash: [UInt8]
}

/// Finding out whether a member is a contact that I have already.
///
/// Who made the links sends the member a secret on their group connection, in any case: from that nobody learns whether
/// there is a contact with the member's profile. Contacts with that profile are asked, each on its own connection, by the
/// secret's hash; who answers with the secret is the member. A member with a borrowed profile has the secret, but not the
/// contact's connection; the contact has the connection, but not the secret.
///
/// The hash covers what ties it to both connections: a member in the middle may hand the secret on in another group, and
/// the check with it, but the secret came there on another connection than the one on which it was sent.
///
/// The secret is a fresh one: that of x.grp.mem.inv is known to the introducer.
extension GroupMachine {
    mutating func probe(_ member: GroupMember, _ step: inout GroupStep) {
        guard member.probeSent == nil else { return }
        let secret = step.context.random(32)
        members[member.id]?.probeSent = secret
        send(.probe(secret), to: member.id, &step)
        let bound = secret + (member.connection.map(step.context.binding) ?? [])
        for contact in step.context.contacts(member.profile) {
            // A contact that is another member is known to be that one.
            guard !members.values.contains(where: { $0.contact == contact.id }) else { continue }
            members[member.id]?.asked.append(contact.id)
            step.actions.append(.sendToContact(contact.id, .probeCheck(hash: Self.hash(bound, contact))))
        }
    }

    /// The hash for one contact of a probe with what ties it to the group connection.
    static func hash(_ bound: [UInt8], _ contact: KnownContact) -> [UInt8] { SHA256.hash(bound + contact.binding) }

    /// x.info.probe
    mutating func probed(_ probe: [UInt8], on connection: GroupConnection, _ step: inout GroupStep) {
        let member = connection.member
        guard members[member]?.probeReceived == nil else { return }
        let bound = probe + step.context.binding(connection)
        members[member]?.probeReceived = bound
        let checks = earlyChecks
        for check in checks where Self.hash(bound, check.contact) == check.hash {
            earlyChecks.removeAll { $0 == check }
            answer(bound, of: member, to: check.contact, &step)
        }
    }

    /// x.info.probe.check and x.info.probe.ok
    mutating func receive(
        _ event: ChatEvent, from contact: KnownContact, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        switch event {
        case .probeCheck(let hash):
            for member in sortedMembers {
                guard let bound = member.probeReceived, Self.hash(bound, contact) == hash else { continue }
                return answer(bound, of: member.id, to: contact, &step)
            }
            remember(EarlyCheck(contact: contact, hash: hash))
        case .probeConfirm(let probe):
            // Nothing if it is not of this group.
            guard let member = sortedMembers.first(where: { $0.probeSent == probe }) else { return }
            guard member.asked.contains(contact.id) else { throw .unproven(contact: contact.id) }
            merge(member.id, contact.id, &step)
        default: break
        }
    }

    private mutating func remember(_ check: EarlyCheck) {
        guard !earlyChecks.contains(check) else { return }
        let ofSame = earlyChecks.filter { $0.contact.id == check.contact.id }
        if ofSame.count >= EarlyCheck.mostOfOne, let index = earlyChecks.firstIndex(of: ofSame[0]) {
            earlyChecks.remove(at: index)
        }
        if earlyChecks.count >= EarlyCheck.most { earlyChecks.removeFirst() }
        earlyChecks.append(check)
    }

    /// The contact knows the hash of what `member` sent me. Bound to the contact's connection, the hash proves to me too
    /// that the contact is the member; the bare hash might be handed on by somebody between the two.
    private mutating func answer(
        _ bound: [UInt8], of member: MemberID, to contact: KnownContact, _ step: inout GroupStep
    ) {
        step.actions.append(.sendToContact(contact.id, .probeConfirm(Array(bound.prefix(32)))))
        if !contact.binding.isEmpty { merge(member, contact.id, &step) }
    }

    private mutating func merge(_ member: MemberID, _ contact: Int64, _ step: inout GroupStep) {
        guard let known = members[member], known.contact == nil,
            !members.values.contains(where: { $0.contact == contact })
        else { return }
        members[member]?.contact = contact
        step.actions.append(.merge(member, contact: contact))
        if known.isConnected { raise(member, to: .connectedDirectly, &step) }
    }
}
