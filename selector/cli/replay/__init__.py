"""What logged decisions say of other policies: compared, planned for, gated, tried by share, and in pairs."""
