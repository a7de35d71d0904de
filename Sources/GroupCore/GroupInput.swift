public import ChatProtocol

/// What the user wants of a group.
public enum GroupWish: Hashable, Sendable {
    /// Invite `contact`, whose profile this is. `member` is its id in the group: fresh random bytes.
    case invite(contact: Int64, profile: Profile, role: MemberRole, member: MemberID)
    /// Accept the invitation.
    case join
    /// Remove a member.
    case remove(MemberID)
    /// Leave the group.
    case leave
    /// Delete the group for everybody.
    case delete
    /// Send to all: content, with the parents that `MessageGraph` gives.
    case send(ChatEvent, parents: [MessageParent])
    /// Send to one member: the offer of a file. It has a number too, of the same row, for what refers to it.
    case sendTo(MemberID, ChatEvent)
    /// My profile has changed.
    case profile(Profile)
}

/// What happens to a group.
public enum GroupInput: Hashable, Sendable {
    /// The user wants something.
    case wish(GroupWish)
    /// The link that `makeInvitation` asked for is made.
    case invitationMade(GroupConnection, link: String)
    /// The other side joins my link, saying this.
    case confirmation(GroupConnection, ChatEvent)
    /// The connection works both ways. To who joined, this is what the other side allowed it with.
    case connected(GroupConnection, ChatEvent?)
    /// A message on a connection of the group. Content, which is the engine's, may be passed too: it does nothing.
    case received(GroupConnection, ChatEvent)
    /// x.info.probe.check or x.info.probe.ok on a contact's connection, for every group: only one knows the probe.
    case contactReceived(KnownContact, ChatEvent)
    /// The connection is lost for good.
    case failed(GroupConnection)
}

/// What a step of a group needs from outside.
public struct GroupContext {
    /// That many random bytes, fit for secrets.
    public var random: (Int) -> [UInt8]
    /// The contacts with exactly this profile.
    public var contacts: (Profile) -> [KnownContact]
    /// What only the two ends of a connection of the group know, the same at both.
    public var binding: (GroupConnection) -> [UInt8]

    /// From these sources.
    public init(
        random: @escaping (Int) -> [UInt8], contacts: @escaping (Profile) -> [KnownContact],
        binding: @escaping (GroupConnection) -> [UInt8]
    ) {
        self.random = random
        self.contacts = contacts
        self.binding = binding
    }
}
